/** A broker that doesn't match the log URL: the command prints one true sentence and a hint. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillLog, recordedLines } from "../../support/data.ts";
import { kafkaAvailable } from "../../support/kafka.ts";
import { PASSWORD, type SecuredBroker, sharedSecuredBroker } from "../../support/kafka-secured.ts";
import { type Ran, run } from "../../support/process.ts";

const here = kafkaAvailable();
const WRONG = "wr0ng-Pa55";
const root = mkdtempSync(join(tmpdir(), "tidemark-words-"));
let broker: SecuredBroker;

/** Commands that run at the same time. */
const AT_ONCE = 6;
const right = { TIDEMARK_KAFKA_PASSWORD: PASSWORD };
const wrong = { TIDEMARK_KAFKA_PASSWORD: WRONG };
const none = {};

/**
 * `{tls}` etc. are the listeners' addresses, `{ca}` the CA file of their certificates, `{other}`
 * another.
 */
interface Case {
  what: string;
  url: string;
  given: Record<string, string>;
  sentence: string;
  hint: string;
}

const cases: Case[] = [
  {
    what: "the password is wrong (PLAIN)",
    url: "kafka+ssl://tidemark@{tlsLogin}/t?mechanism=plain&ca={ca}",
    given: wrong,
    sentence: `The Kafka broker at {tlsLogin} refuses the login of the user "tidemark" by plain: the name or the password is wrong. [TIDEMARK_LOG_ACCESS]`,
    hint: "Check the user in the log URL and the password in TIDEMARK_KAFKA_PASSWORD.",
  },
  {
    what: "the password is wrong (SCRAM)",
    url: "kafka+ssl://tidemark@{tlsLogin}/t?mechanism=scram-sha-512&ca={ca}",
    given: wrong,
    sentence: `The Kafka broker at {tlsLogin} refuses the login of the user "tidemark" by scram-sha-512: the name or the password is wrong.`,
    hint: "Check the user in the log URL",
  },
  {
    what: "the user is unknown",
    url: "kafka://nobody@{login}/t?mechanism=scram-sha-256",
    given: right,
    sentence: `The Kafka broker at {login} refuses the login of the user "nobody" by scram-sha-256`,
    hint: "Check the user in the log URL",
  },
  {
    what: "no password is set",
    url: "kafka+ssl://tidemark@{tlsLogin}/t?mechanism=plain&ca={ca}",
    given: none,
    sentence: `The log URL names the user "tidemark", but no password is set. [TIDEMARK_USAGE]`,
    hint: "Set TIDEMARK_KAFKA_PASSWORD, or TIDEMARK_KAFKA_PASSWORD_FILE to a file that contains it.",
  },
  {
    what: "the password is in the URL",
    url: `kafka+ssl://tidemark:${WRONG}@{tlsLogin}/t?mechanism=plain`,
    given: none,
    sentence: "The log URL contains a password; it is not used and not shown. [TIDEMARK_USAGE]",
    hint: "set TIDEMARK_KAFKA_PASSWORD",
  },
  {
    what: "the certificate is unknown",
    url: "kafka+ssl://tidemark@{tlsLogin}/t?mechanism=plain",
    given: right,
    sentence: "The certificate of the Kafka broker at {tlsLogin} is not signed by a CA that is trusted here.",
    hint: "Get the CA certificate of the cluster as a PEM file, and add ca=FILE",
  },
  {
    what: "the CA file is another cluster's",
    url: "kafka+ssl://tidemark@{tlsLogin}/t?mechanism=plain&ca={other}",
    given: right,
    sentence: "The certificate of the Kafka broker at {tlsLogin} is not signed by a CA that is trusted here.",
    hint: "has signed it: get the CA certificate of this cluster.",
  },
  {
    what: "the certificate is for another name",
    url: "kafka+ssl://tidemark@localhost:{tlsLoginPort}/t?mechanism=plain&ca={ca}",
    given: right,
    sentence:
      "The certificate of the Kafka broker at localhost:{tlsLoginPort} is for another host name than the URL's.",
    hint: "Use the host name of the certificate",
  },
  {
    what: "a plain client meets TLS",
    url: "kafka://{tls}/t",
    given: none,
    sentence:
      "The Kafka broker at {tls} expects TLS, but the log URL requests a plain connection. [TIDEMARK_LOG_ACCESS]",
    hint: "Use kafka+ssl:// instead of kafka://",
  },
  {
    what: "a plain client meets TLS with logins",
    url: "kafka://{tlsLogin}/t",
    given: none,
    sentence: "The Kafka broker at {tlsLogin} expects TLS, but the log URL requests a plain connection.",
    hint: "Use kafka+ssl://USER@{tlsLogin}/t?mechanism=scram-sha-512 and set TIDEMARK_KAFKA_PASSWORD.",
  },
  {
    what: "a plain client meets logins",
    url: "kafka://{login}/t",
    given: none,
    sentence: "The Kafka broker at {login} expects a login; it offers scram-sha-256.",
    hint: "Use kafka://USER@{login}/t?mechanism=scram-sha-256 and set",
  },
  {
    what: "TLS without a login meets logins",
    url: "kafka+ssl://{tlsLogin}/t?ca={ca}",
    given: none,
    sentence: "The Kafka broker at {tlsLogin} expects a login; it offers",
    hint: "Use kafka+ssl://USER@",
  },
  {
    what: "TLS meets a plain listener",
    url: "kafka+ssl://{plain}/t?ca={ca}",
    given: none,
    sentence: "The Kafka broker at {plain} doesn't speak TLS on this port, but the log URL requests it.",
    hint: "Use kafka:// instead of kafka+ssl://",
  },
  {
    what: "a login meets a plain listener",
    url: "kafka://tidemark@{plain}/t?mechanism=plain",
    given: right,
    sentence: "The Kafka broker at {plain} has no logins on this port, but the log URL names a user.",
    hint: "Remove user@ and mechanism from",
  },
  {
    what: "a login meets TLS without logins",
    url: "kafka+ssl://tidemark@{tls}/t?mechanism=plain&ca={ca}",
    given: right,
    sentence: "The Kafka broker at {tls} has no logins on this port, but the log URL names a user.",
    hint: "Remove user@ and mechanism from",
  },
  {
    what: "the mechanism is not offered",
    url: "kafka://tidemark@{login}/t?mechanism=scram-sha-512",
    given: right,
    sentence: "The Kafka broker at {login} doesn't offer scram-sha-512; it offers scram-sha-256.",
    hint: "Use kafka://USER@{login}/t?mechanism=scram-sha-256",
  },
  {
    what: "a client certificate is required",
    url: "kafka+ssl://{mutual}/t?ca={ca}",
    given: none,
    sentence: "The Kafka broker at {mutual} refuses the TLS connection: it requires a client certificate",
    hint: "Client certificates are not supported.",
  },
  {
    what: "the broker advertises an address that can't be reached",
    url: "kafka://{astray}/t",
    given: none,
    sentence:
      "The Kafka broker at {astray} answers, but advertises kafka.internal.invalid:9092, which can't be reached from here: ",
    hint: "Set the broker's advertised.listeners to an address that this machine can reach",
  },
  {
    what: "nothing listens",
    url: "kafka://127.0.0.1:1/t",
    given: none,
    sentence:
      "The Kafka broker at 127.0.0.1:1 doesn't answer: connect ECONNREFUSED 127.0.0.1:1. [TIDEMARK_LOG_UNREACHABLE]",
    hint: "Is it running, and is the address right?",
  },
  {
    what: "nothing listens at an IPv6 address",
    url: "kafka://[::1]:1/t",
    given: none,
    sentence: "The Kafka broker at [::1]:1 doesn't answer: connect E",
    hint: "Is it running, and is the address right?",
  },
  {
    what: "the host has no address",
    url: "kafka://nowhere.invalid/t",
    given: none,
    sentence: "The Kafka broker at nowhere.invalid:9092 doesn't answer: getaddrinfo ENOTFOUND nowhere.invalid.",
    hint: "Check the host's name in the log URL.",
  },
  {
    what: "the listener is not a Kafka broker",
    url: "kafka://{web}/t",
    given: none,
    sentence: "What listens at {web} is not a Kafka broker: it doesn't speak Kafka's protocol. [TIDEMARK_LOG_ACCESS]",
    hint: "Check the host and the port",
  },
  {
    what: "the listener sends nothing, like a broker that hangs",
    url: "kafka://{silent}/t",
    given: none,
    sentence: "The Kafka broker at {silent} doesn't answer: no answer within 10 s. [TIDEMARK_LOG_UNREACHABLE]",
    hint: "Is it running, and is the address right?",
  },
  {
    what: "the session is longer than the broker accepts",
    url: "kafka://{plain}/session",
    given: { TIDEMARK_KAFKA_SESSION: "40m" },
    sentence: "The Kafka broker refuses this session timeout: it is outside group.min.session.timeout.ms …",
    hint: "Set TIDEMARK_KAFKA_SESSION to a duration within that range",
  },
];

describe.skipIf(!here)(here ? "one true sentence when" : "sentences about Kafka, skipped: no Java or no jars", () => {
  const web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
  const silent = Bun.listen({ port: 0, hostname: "127.0.0.1", socket: { data() {} } });
  let filled: (text: string) => string;
  let ran: Map<string, Promise<Ran>>;

  beforeAll(async () => {
    broker = await sharedSecuredBroker();
    const plain = `127.0.0.1:${broker.plain.port}`;
    const words: Record<string, string> = {
      ...broker.at,
      plain,
      tlsLoginPort: broker.at.tlsLogin.split(":")[1]!,
      ca: broker.ca,
      other: broker.other,
      web: `127.0.0.1:${web.port}`,
      silent: `127.0.0.1:${silent.port}`,
    };
    filled = (text) => text.replace(/\{(\w+)\}/g, (_, name) => words[name]!);
    await fillLog(join(root, "session"), recordedLines().slice(0, 5), { url: `kafka://${plain}/session` });
    // Some at once, which mostly wait for kafkajs's retries: all would keep each other waiting.
    const all: Promise<Ran>[] = [];
    for (const [i, { url, given }] of cases.entries()) {
      const args = ["--log", filled(url), "--data", join(root, "data"), "--until-end"];
      all.push(Promise.resolve(all[i - AT_ONCE]).then(() => run("stream", args, given)));
    }
    ran = new Map(cases.map(({ what }, i) => [what, all[i]!]));
  }, 300_000);
  afterAll(async () => {
    await web.stop(true);
    silent.stop(true);
    rmSync(root, { recursive: true, force: true });
  });

  test.each(cases)(
    "$what",
    async ({ what, sentence, hint }) => {
      const { code, stdout, stderr } = await ran.get(what)!;
      const [said, advice, ...more] = stderr.slice(stderr.indexOf("error: ")).trimEnd().split("\n");
      expect(said).toStartWith(`error: ${filled(sentence)}`);
      expect(advice).toContain(filled(hint));
      expect(more).toEqual([]);
      expect(code).toBe(sentence.includes("TIDEMARK_USAGE") ? 2 : 1);
      expect(stdout + stderr).not.toContain(PASSWORD);
      expect(stdout + stderr).not.toContain(WRONG);
    },
    300_000,
  );

  test.skipIf(!existsSync("/proc/net/if_inet6"))(
    "nothing is wrong with an IPv6 address in brackets",
    async () => {
      const forward = createServer((socket) => socket.pipe(connect(broker.plain.port, "127.0.0.1")).pipe(socket));
      await new Promise<void>((listening) => forward.listen(0, "::1", listening));
      try {
        const { port } = forward.address() as AddressInfo;
        const args = ["--log", `kafka://[::1]:${port}/session`, "--data", join(root, "ipv6"), "--until-end", "--json"];
        const { code, json } = await run("consume", args);
        expect([code, json.records]).toEqual([0, 5]);
      } finally {
        forward.close();
      }
    },
    300_000,
  );
});
