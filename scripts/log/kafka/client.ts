/** How kafkajs is set up: quiet, and patient only where that is right. */
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
 * A client whose own messages are debug lines: what a user must know, our callers say. Each request is tried again for about ten
 * seconds; what must not give up then (append, a running reader) starts over. `onTrouble` gets each failed connection: kafkajs
 * keeps trying meanwhile. Fails with USAGE when the URL's login or certificates are not complete.
 */
export function kafkaClient(address: KafkaAddress, logger: Logger, onTrouble = (_: Trouble) => {}): Kafka {
  const { ssl, sasl } = accessOf(address);
  return new Kafka({
    clientId: "tidemark",
    // kafkajs cuts an address at its first colon.
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

/** kafkajs's own, which besides takes IPv6 addresses in brackets and tells a failure's code, which kafkajs logs without. */
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

/** After this without a sign of life, a group gives a member's partitions to the others: TIDEMARK_KAFKA_SESSION, else KAFKA_SESSION_MS. */
export function sessionMs(): number {
  const wanted = process.env.TIDEMARK_KAFKA_SESSION;
  if (wanted === undefined || wanted === "") return KAFKA_SESSION_MS;
  const us = parseDuration(wanted);
  if (us === null || us < 1_000_000) {
    throw new TidemarkError("USAGE", `TIDEMARK_KAFKA_SESSION: "${wanted}" is not a valid duration of at least 1s.`);
  }
  return us / 1_000;
}

/** A failure in kafkajs's shape, with what was last seen of a connection. */
export class ConnectionFailure extends Error {
  readonly broker: string | undefined;
  readonly code: string | undefined;

  constructor(message: string, trouble: Trouble | null) {
    super(message);
    this.broker = trouble?.broker;
    this.code = trouble?.code;
  }
}

/** Fails when the promise isn't settled within KAFKA_OPEN_MS. */
export function within<T>(promise: Promise<T>, latest: () => Trouble | null): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const trouble = latest();
      const why = trouble === null ? "" : ` (${trouble.message.replace(/\.$/, "")})`;
      reject(new ConnectionFailure(`no answer within ${KAFKA_OPEN_MS / 1000} s${why}`, trouble));
    }, KAFKA_OPEN_MS);
  });
  promise.catch(() => {});
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
