/** Password and certificates of a Kafka client, from the environment and files. */
import { closeSync, openSync, readSync } from "node:fs";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { SECRET_FILE_BYTES_MAX } from "../../base/limits.ts";
import type { KafkaAddress } from "./topic-url.ts";

export const PASSWORD = "TIDEMARK_KAFKA_PASSWORD";
export const PASSWORD_FILE = "TIDEMARK_KAFKA_PASSWORD_FILE";

/** As kafkajs's options. `ssl` false is a plain connection. */
interface KafkaAccess {
  ssl: false | { ca?: string[] };
  sasl: { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string; password: string } | undefined;
}

/**
 * Reads password and certificates. Fails with USAGE if one is missing, empty or unreadable; no
 * error contains a secret.
 */
export function accessOf({ tls, ca, login }: Pick<KafkaAddress, "tls" | "ca" | "login">): KafkaAccess {
  const ssl = tls && (ca === null ? {} : { ca: [certificates(ca)] });
  if (login === null) return { ssl, sasl: undefined };
  return { ssl, sasl: { mechanism: login.mechanism, username: login.user, password: passwordOf(login.user) } };
}

function passwordOf(user: string): string {
  const [given, file] = [process.env[PASSWORD] || undefined, process.env[PASSWORD_FILE] || undefined];
  if (given !== undefined && file !== undefined) {
    throw new TidemarkError("USAGE", `${PASSWORD} and ${PASSWORD_FILE} are both set.`, "Set only one of them.");
  }
  if (given !== undefined) return given;
  if (file === undefined) {
    throw new TidemarkError(
      "USAGE",
      `The log URL names the user "${user}", but no password is set.`,
      `Set ${PASSWORD}, or ${PASSWORD_FILE} to a file that contains it.`,
    );
  }
  const password = fileOf(file, PASSWORD_FILE).replace(/\r?\n$/, "");
  if (password === "") throw new TidemarkError("USAGE", `The file ${file} (${PASSWORD_FILE}) is empty.`);
  return password;
}

function certificates(file: string): string {
  const text = fileOf(file, "the log URL's ca");
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TidemarkError(
      "USAGE",
      `The file ${file} (the log URL's ca) contains no certificate.`,
      "Use a PEM file: it has lines with BEGIN CERTIFICATE.",
    );
  }
  return text;
}

function fileOf(file: string, what: string): string {
  try {
    return boundedText(file);
  } catch (error) {
    throw new TidemarkError("USAGE", `The file ${file} (${what}) can't be read: ${sentence(error)}.`);
  }
}

/** Reads pipes too, as shells pass for `<(command)`; an endless device ends at the limit. */
function boundedText(file: string): string {
  const bytes = Buffer.alloc(SECRET_FILE_BYTES_MAX + 1);
  const descriptor = openSync(file, "r");
  try {
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length === bytes.length) throw new Error(`it has more than ${SECRET_FILE_BYTES_MAX} bytes`);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}
