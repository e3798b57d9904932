/** kafkajs configuration: logging at debug level, retries bounded, connection failures reported. */
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ISocketFactory, Kafka, logLevel, type SASLOptions } from "kafkajs";
import { parseDuration } from "../../base/duration.ts";
import { sentence, systemCode, TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { KAFKA_OPEN_MS, KAFKA_SESSION_MS } from "./kafka-limits.ts";
import { accessOf } from "./login.ts";
import type { KafkaAddress } from "./topic-url.ts";

/**
 * A client that retries each request for about ten seconds; callers that must not stop then start
 * over. Calls `onTrouble` for each failed connection; fails as accessOf does.
 */
export function kafkaClient(address: KafkaAddress, logger: Logger, onTrouble = (_: Trouble) => {}): Kafka {
  const { ssl, sasl } = accessOf(address);
  return new Kafka({
    clientId: "tidemark",
    // kafkajs splits an address at its first colon.
    brokers: address.brokers.map((broker) => broker.replace(/:(?=.*:)/g, IPV6_COLON)),
    ssl,
    sasl: sasl as SASLOptions | undefined,
    socketFactory: socketFactory(onTrouble),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: {
      initialRetryTime: 100,
      factor: 0.2,
      multiplier: 2,
      maxRetryTime: 2_000,
      retries: 6,
      restartOnFailure: async () => true,
    },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      logger.debug(`kafkajs: ${entry.log.message}`);
    },
  });
}

/** Why a connection to a broker failed; `code` is the system's or OpenSSL's, or "". */
export interface Trouble {
  message: string;
  broker: string;
  code: string;
}

const IPV6_COLON = ";";
const KEEP_ALIVE_MS = 60_000;

/** As kafkajs's own, but accepts IPv6 addresses in brackets, and reports the code of a failure. */
function socketFactory(onTrouble: (trouble: Trouble) => void): ISocketFactory {
  return ({ host: written, port, ssl, onConnect }) => {
    const host = written.replaceAll(IPV6_COLON, ":").replace(/^\[(.*)\]$/, "$1");
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl ? connectTls({ host, port, ...name, ...ssl }, onConnect) : connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.once("error", (error) => {
      onTrouble({ message: sentence(error), broker: `${written}:${port}`, code: systemCode(error) });
    });
    return socket;
  };
}

/**
 * Session timeout of a group's member, milliseconds: TIDEMARK_KAFKA_SESSION, else KAFKA_SESSION_MS.
 * Fails with USAGE.
 */
export function sessionMs(): number {
  const wanted = process.env.TIDEMARK_KAFKA_SESSION;
  if (wanted === undefined || wanted === "") return KAFKA_SESSION_MS;
  const us = parseDuration(wanted);
  if (us === null || us < 1_000_000) {
    throw new TidemarkError("USAGE", `TIDEMARK_KAFKA_SESSION: "${wanted}" is not a valid duration of at least 1s.`);
  }
  return us / 1_000;
}

/** A failure in kafkajs's shape, with the broker and code of the last failed connection. */
export class ConnectionFailure extends Error {
  readonly broker: string | undefined;
  readonly code: string | undefined;

  constructor(message: string, trouble: Trouble | null) {
    super(message);
    this.broker = trouble?.broker;
    this.code = trouble?.code;
  }

  /** No response within KAFKA_OPEN_MS; `trouble`: the last failed connection. */
  static late(trouble: Trouble | null): ConnectionFailure {
    const why = trouble === null ? "" : ` (${trouble.message.replace(/\.$/, "")})`;
    return new ConnectionFailure(`no answer within ${KAFKA_OPEN_MS / 1000} s${why}`, trouble);
  }
}
