/** Explains Kafka's errors: a sentence and a hint. Only LOG_UNREACHABLE is transient. */
import { sentence, TidemarkError } from "../../base/errors.ts";
import { CodecError } from "./codecs.ts";
import { KAFKA_UNPACKED_BYTES_MAX } from "./kafka-limits.ts";
import { PASSWORD, PASSWORD_FILE } from "./login.ts";
import { type Listener, probe } from "./probe.ts";
import { type KafkaAddress, MECHANISMS } from "./topic-url.ts";

/**
 * An error and those that it wraps: kafkajs nests causes, and lists the errors of several topics.
 */
function* chain(error: unknown): Generator<Error & { type?: unknown; code?: unknown; broker?: unknown }> {
  for (let at = error; at instanceof Error; at = at.cause) {
    yield at;
    if ("errors" in at && Array.isArray(at.errors)) for (const one of at.errors) yield* chain(one);
  }
}

/** The broker's own name of an error (`MESSAGE_TOO_LARGE`), however nested, or "". */
export function kafkaErrorType(error: unknown): string {
  for (const { type } of chain(error)) if (typeof type === "string") return type;
  return "";
}

/** The subject of sentences about rights. */
export function whoOf({ login }: Pick<KafkaAddress, "login">): string {
  return login === null ? "A client without a login" : `The user "${login.user}"`;
}

const RIGHTS_HINT = "docs/kafka.md lists the rights that each command needs.";

/** What is wrong with a certificate, by OpenSSL's code. */
const CERTIFICATE: Record<string, string> = {
  CERT_HAS_EXPIRED: "has expired",
  CERT_NOT_YET_VALID: "is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for another host name than the URL's",
  CERT_REVOKED: "was revoked",
};
const UNKNOWN_CERTIFICATE = /SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED|INVALID_CA|CERT_SIGNATURE_FAILURE/;
const WANTS_CERTIFICATE = /ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)/;

/**
 * A permanent error (login, certificate, rights, settings) as LOG_ACCESS or LOG_SETTINGS; null for
 * all others. `group` is named if reading as it is refused.
 */
export function refusal(error: unknown, address: KafkaAddress, group = ""): TidemarkError | null {
  if (error instanceof TidemarkError) return error.code === "LOG_UNREACHABLE" ? null : error;
  for (const one of chain(error)) {
    const refused =
      one instanceof CodecError ? damaged(one, address) : (refusedTls(one, address) ?? refusedLogin(one, address));
    if (refused !== null) return refused;
  }
  return refusedRight(error, address, group);
}

function access(message: string, hint: string, cause: unknown): TidemarkError {
  return new TidemarkError("LOG_ACCESS", message, hint, { cause });
}

function damaged(error: CodecError, { topic }: KafkaAddress): TidemarkError {
  return new TidemarkError(
    "LOG_SETTINGS",
    `The topic ${topic} can't be read further: ${error.message}.`,
    `A batch may have ${KAFKA_UNPACKED_BYTES_MAX} bytes once decompressed; delete a damaged one from the topic.`,
    { cause: error },
  );
}

function refusedTls(error: { code?: unknown; broker?: unknown; message: string }, address: KafkaAddress) {
  const code = typeof error.code === "string" ? error.code : "";
  const broker = shownBroker(error, address);
  const fault = CERTIFICATE[code];
  if (fault !== undefined) {
    const hint = code.includes("ALTNAME")
      ? "Use the host name of the certificate: see the cluster's documentation."
      : "Ask the cluster's administrator for a new one, and check this machine's date.";
    return access(`The certificate of the Kafka broker at ${broker} ${fault}.`, hint, error);
  }
  if (UNKNOWN_CERTIFICATE.test(code)) {
    const hint =
      address.ca === null
        ? "Get the CA certificate of the cluster as a PEM file, and add ca=FILE to the log URL's parameters."
        : `No certificate in ${address.ca} has signed it: get the CA certificate of this cluster.`;
    return access(
      `The certificate of the Kafka broker at ${broker} is not signed by a CA that is trusted here.`,
      hint,
      error,
    );
  }
  if (!WANTS_CERTIFICATE.test(code)) return null;
  return access(
    `The Kafka broker at ${broker} refuses the TLS connection: it requires a client certificate, or supports no TLS version that Tidemark supports.`,
    `Client certificates are not supported. Use a listener with a login: ${MECHANISMS.join(", ")}.`,
    error,
  );
}

function refusedLogin(error: Error, address: KafkaAddress): TidemarkError | null {
  if (error.name !== "KafkaJSSASLAuthenticationError" || address.login === null) return null;
  const { user, mechanism } = address.login;
  if (/not supported by the server/.test(error.message)) return null;
  return access(
    `The Kafka broker at ${address.brokers.join(", ")} refuses the login of the user "${user}" by ${mechanism}: the name or the password is wrong.`,
    `Check the user in the log URL and the password in ${process.env[PASSWORD] ? PASSWORD : PASSWORD_FILE}.`,
    error,
  );
}

function refusedRight(error: unknown, address: KafkaAddress, group: string): TidemarkError | null {
  const [type, who, { topic }] = [kafkaErrorType(error), whoOf(address), address];
  const isCreation = [...chain(error)].some(({ name }) => name === "KafkaJSCreateTopicError");
  const words = sentence([...chain(error)].at(-1) ?? error).replace(/\.$/, "");
  if (isCreation && /AUTHORIZATION/.test(type)) {
    return access(
      `${who} can't see a topic ${topic}, and may not create it.`,
      `If the topic exists, grant DESCRIBE on it; if not, ask an administrator to create it or to grant CREATE. ${RIGHTS_HINT}`,
      error,
    );
  }
  if (isCreation && type !== "TOPIC_ALREADY_EXISTS") {
    return settings(`The topic ${topic} can't be created: ${words}.`, "Create it with the cluster's own tools.", error);
  }
  if (type === "TOPIC_AUTHORIZATION_FAILED")
    return access(`${who} lacks a right on the topic ${topic}.`, RIGHTS_HINT, error);
  if (type === "GROUP_AUTHORIZATION_FAILED") {
    return access(
      `${who} may not read as the consumer group ${group || "tidemark-…"}.`,
      `Grant READ on groups that begin with tidemark-. ${RIGHTS_HINT}`,
      error,
    );
  }
  if (/^(CLUSTER|TRANSACTIONAL_ID)_AUTHORIZATION_FAILED$/.test(type)) {
    return access(
      `${who} may not write: ${words}.`,
      `Grant WRITE on the topic ${topic}; brokers before 2.8 also require IDEMPOTENT_WRITE on the cluster.`,
      error,
    );
  }
  if (type !== "INVALID_SESSION_TIMEOUT") return null;
  return settings(
    `The Kafka broker refuses this session timeout: it is outside group.min.session.timeout.ms … group.max.session.timeout.ms of the broker.`,
    "Set TIDEMARK_KAFKA_SESSION to a duration within that range (by default 6s to 30m).",
    error,
  );
}

function settings(message: string, hint: string, cause: unknown): TidemarkError {
  return new TidemarkError("LOG_SETTINGS", message, hint, { cause });
}

/**
 * The broker that an error is about, as people write it; all of the URL's if the error names none.
 */
function shownBroker(error: unknown, { brokers }: KafkaAddress): string {
  for (const { broker } of chain(error)) if (typeof broker === "string") return broker.replaceAll(";", ":");
  return brokers.join(", ");
}

/**
 * LOG_UNREACHABLE for a cluster that can't be reached; a permanent error as `refusal` returns it.
 */
export function unreachable(address: KafkaAddress, cause: unknown): TidemarkError {
  const refused = refusal(cause, address);
  if (refused !== null) return refused;
  const broker = shownBroker(cause, address);
  const reason = sentence(cause)
    .replace(/\.$/, "")
    .replace(/^Connection error: /, "")
    .replaceAll(";", ":");
  const foreign = !address.brokers.includes(broker) && broker !== address.brokers.join(", ");
  if (foreign) {
    return new TidemarkError(
      "LOG_UNREACHABLE",
      `The Kafka broker at ${address.brokers.join(", ")} answers, but advertises ${broker}, which can't be reached from here: ${reason}.`,
      "Set the broker's advertised.listeners to an address that this machine can reach, or use another listener.",
      { cause },
    );
  }
  return new TidemarkError(
    "LOG_UNREACHABLE",
    `The Kafka broker at ${broker} doesn't answer: ${reason}.`,
    hintOf(cause),
    { cause },
  );
}

function hintOf(cause: unknown): string {
  const codes = [...chain(cause)].map(({ code }) => code);
  if (codes.includes("ENOTFOUND")) return "Check the host's name in the log URL.";
  return "Is it running, and is the address right? `bun run test:kafka` starts one on this machine; --log embedded: needs none.";
}

/**
 * The same when opening fails; then a listener that doesn't match the URL is probed for what it is.
 */
export async function explained(address: KafkaAddress, cause: unknown): Promise<TidemarkError> {
  const guess = unreachable(address, cause);
  if (guess.code !== "LOG_UNREACHABLE") return guess;
  const codes = [...chain(cause)].map(({ code }) => code);
  if (codes.some((code) => code === "ECONNREFUSED" || code === "ENOTFOUND")) return guess;
  const named = shownBroker(cause, address);
  const broker = named.includes(", ") ? address.brokers[0]! : named;
  const listener = await probe(broker).catch(() => null);
  return (listener && mismatch(listener, broker, address, cause)) ?? guess;
}

/** LOG_ACCESS for what differs between listener and URL, or null. */
function mismatch(listener: Listener, broker: string, address: KafkaAddress, cause: unknown): TidemarkError | null {
  const { tls, login } = address;
  if (!listener.kafka) {
    return access(
      `What listens at ${broker} is not a Kafka broker: it doesn't speak Kafka's protocol.`,
      "Check the host and the port in the log URL.",
      cause,
    );
  }
  const offers = (listener.mechanisms ?? []).map((name) => name.toLowerCase());
  const usable = MECHANISMS.filter((name) => offers.includes(name));
  const asUser = `kafka${listener.tls ? "+ssl" : ""}://USER@${broker}/${address.topic}?mechanism=${usable.at(-1) ?? "…"}`;
  const logIn = `Use ${asUser} and set ${PASSWORD}.`;
  if (listener.tls && !tls) {
    const use = listener.mechanisms?.length ? logIn : `Use kafka+ssl:// instead of kafka:// in the log URL.`;
    return access(
      `The Kafka broker at ${broker} expects TLS, but the log URL requests a plain connection.`,
      use,
      cause,
    );
  }
  if (!listener.tls && tls) {
    const hint = "Use kafka:// instead of kafka+ssl://, or the port of the broker's TLS listener.";
    return access(
      `The Kafka broker at ${broker} doesn't speak TLS on this port, but the log URL requests it.`,
      hint,
      cause,
    );
  }
  if (listener.mechanisms === null) {
    if (login === null) return null;
    const hint = "Remove user@ and mechanism from the log URL, or use the port of the listener with logins.";
    return access(
      `The Kafka broker at ${broker} has no logins on this port, but the log URL names a user.`,
      hint,
      cause,
    );
  }
  if (offers.length === 0 || (login !== null && offers.includes(login.mechanism))) return null;
  const hint = usable.length > 0 ? logIn : `Tidemark supports ${MECHANISMS.join(", ")}.`;
  const met = login === null ? "expects a login" : `doesn't offer ${login.mechanism}`;
  return access(`The Kafka broker at ${broker} ${met}; it offers ${offers.join(", ")}.`, hint, cause);
}
