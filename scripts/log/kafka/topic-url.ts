/** A Kafka topic's URL: brokers, TLS, mechanism and user; no error repeats a password. */
import { TidemarkError } from "../../base/errors.ts";

/** The topic if the URL names none (docs/kafka.md). */
const DEFAULT_TOPIC = "raw_prices";
const DEFAULT_PORT = 9092;
export const FORMS =
  "Use embedded:, kafka://host:port[,host:port]/topic or kafka+ssl://user@host:port/topic?mechanism=scram-sha-512.";

export const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
export type Mechanism = (typeof MECHANISMS)[number];
const PARAMETERS = ["mechanism", "ca"];

export interface KafkaAddress {
  kind: "kafka";
  /** `host:port`, an IPv6 address in brackets. */
  brokers: string[];
  topic: string;
  tls: boolean;
  login: { mechanism: Mechanism; user: string } | null;
  /** A PEM file with the certificates to trust instead of the system's. */
  ca: string | null;
  /**
   * For people, and the stores' setting `log`: without user and parameters, which may change for
   * one log.
   */
  name: string;
}

/** Parses a `kafka://` or `kafka+ssl://` URL. Fails with USAGE. */
export function parseKafkaUrl(url: string): KafkaAddress {
  const match = /^(kafka|kafka\+ssl):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(url);
  if (!match) throw wrong("The log URL is not valid.", FORMS);
  const [scheme, authority, path, query] = [match[1]!, match[2]!, match[3]!, match[4] ?? ""];
  const at = authority.lastIndexOf("@");
  const user = at < 0 ? null : userOf(authority.slice(0, at));
  // An @ after the hosts can be the second half of a password: nothing of such a URL is shown.
  if (path.includes("@")) throw holdsPassword();
  const tls = scheme === "kafka+ssl";
  const brokers = authority
    .slice(at + 1)
    .split(",")
    .map(brokerOf);
  const topic = topicOf(path);
  const { mechanism, ca } = parametersOf(query);
  if (user === null && mechanism !== undefined) {
    throw wrong("The log URL has a mechanism but no user.", "Write the user's name before the host: user@host:port.");
  }
  if (user !== null && mechanism === undefined) {
    throw wrong(
      "The log URL has a user but no mechanism.",
      `Add ?mechanism= with one of ${MECHANISMS.join(", ")}: the cluster's documentation names it.`,
    );
  }
  if (ca !== undefined && !tls)
    throw wrong("The log URL has a CA file but no TLS.", "Use kafka+ssl:// instead of kafka://.");
  const login = user === null ? null : { user, mechanism: mechanismOf(mechanism!) };
  return {
    kind: "kafka",
    brokers,
    topic,
    tls,
    login,
    ca: ca ?? null,
    name: `${scheme}://${brokers.join(",")}/${topic}`,
  };
}

/** The same URL with another topic. */
export function withTopic(url: string, topic: string): string {
  const [, before, query] = /^(kafka(?:\+ssl)?:\/\/[^/?]*)[^?]*(\?.*)?$/.exec(url) ?? [];
  if (before === undefined) throw new TypeError("not a Kafka URL");
  return `${before}/${topic}${query ?? ""}`;
}

function wrong(sentence: string, hint: string): TidemarkError {
  return new TidemarkError("USAGE", sentence, hint);
}

function holdsPassword(): TidemarkError {
  return wrong(
    "The log URL contains a password; it is not used and not shown.",
    "Write only the user's name before the @ (percent-encoded), and set TIDEMARK_KAFKA_PASSWORD or TIDEMARK_KAFKA_PASSWORD_FILE. Change this password: command lines are visible to other users of this machine.",
  );
}

function userOf(text: string): string {
  const user = decoded(text);
  if (text.includes(":") || user?.includes(":")) throw holdsPassword();
  if (user === null || user === "")
    throw wrong("The user name in the log URL is empty or not valid.", "Percent-encode it.");
  return user;
}

/** Errors never repeat port or odd characters: they may be part of a password. */
function brokerOf(text: string, index: number): string {
  const match = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(.*))?$/.exec(text.trim());
  if (!match) throw wrong(`Broker ${index + 1} of the log URL is not a valid host:port.`, FORMS);
  const port = match[2] ?? String(DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw wrong(`The port of broker ${index + 1} in the log URL is not a number from 1 to 65535.`, FORMS);
  }
  return `${match[1]}:${Number(port)}`;
}

function topicOf(path: string): string {
  const topic = path.replace(/^\//, "") || DEFAULT_TOPIC;
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === "." || topic === "..") {
    throw wrong(
      `"${topic}" is not a valid topic name.`,
      "Use up to 249 letters, digits, dots, underscores and hyphens.",
    );
  }
  return topic;
}

function parametersOf(query: string): { mechanism?: string; ca?: string } {
  const found: Record<string, string> = {};
  for (const part of query.split("&").filter((one) => one !== "")) {
    const [, name, text] = /^([^=]*)=?(.*)$/.exec(part)!;
    const value = decoded(text!);
    if (!PARAMETERS.includes(name!)) {
      if (/pass|secret|token/i.test(name!)) throw holdsPassword();
      throw wrong("The log URL has an unknown parameter.", `Valid parameters are ${PARAMETERS.join(" and ")}.`);
    }
    if (value === null || value === "" || found[name!] !== undefined) {
      throw wrong(`The log URL's parameter ${name} is empty, not valid or set twice.`, "Set it once, percent-encoded.");
    }
    found[name!] = value;
  }
  return found;
}

function mechanismOf(text: string): Mechanism {
  const found = MECHANISMS.find((one) => one === text.toLowerCase());
  if (found === undefined) {
    throw wrong("The log URL's mechanism is not supported.", `Use one of ${MECHANISMS.join(", ")}.`);
  }
  return found;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
