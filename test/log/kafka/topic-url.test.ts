/** Log URLs: which are parsed, which are refused with which sentence, and that none repeats a secret. */
import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { TidemarkError } from "../../../scripts/base/errors.ts";
import { withoutSecrets, withoutTypedSecrets } from "../../../scripts/base/secrets.ts";
import { accessOf, PASSWORD, PASSWORD_FILE } from "../../../scripts/log/kafka/login.ts";
import { type KafkaAddress, type Mechanism, withTopic } from "../../../scripts/log/kafka/topic-url.ts";
import { checkLogUrl, logName, parseLogUrl } from "../../../scripts/log/open.ts";
import { tempDir } from "../../support/data.ts";

const SECRET = "hunter2-Geheim";

afterEach(() => {
  delete process.env[PASSWORD];
  delete process.env[PASSWORD_FILE];
});

function errorOf(action: () => unknown): TidemarkError {
  try {
    action();
  } catch (error) {
    if (error instanceof TidemarkError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const plain = { kind: "kafka", topic: "raw_prices", tls: false, login: null, ca: null } as const;
const login = (user: string, mechanism: Mechanism) => ({ login: { user, mechanism } });

const understood: [url: string, read: Partial<KafkaAddress>][] = [
  ["kafka://h", { ...plain, brokers: ["h:9092"], name: "kafka://h:9092/raw_prices" }],
  ["kafka://a:1,b:2/t", { ...plain, brokers: ["a:1", "b:2"], topic: "t", name: "kafka://a:1,b:2/t" }],
  ["kafka://[::1]:9094/t", { ...plain, brokers: ["[::1]:9094"], topic: "t", name: "kafka://[::1]:9094/t" }],
  ["kafka://[2001:db8::7]/t", { ...plain, brokers: ["[2001:db8::7]:9092"], topic: "t" }],
  ["kafka+ssl://h:9093/t", { tls: true, login: null, ca: null, name: "kafka+ssl://h:9093/t" }],
  [
    "kafka+ssl://h:9093/t?ca=%2Fetc%2Fca%20file.pem",
    { tls: true, ca: "/etc/ca file.pem", name: "kafka+ssl://h:9093/t" },
  ],
  ["kafka+ssl://me@h:9093/t?mechanism=plain", { tls: true, ...login("me", "plain"), name: "kafka+ssl://h:9093/t" }],
  ["kafka+ssl://me@h:1,i:2/?mechanism=SCRAM-SHA-512", { topic: "raw_prices", ...login("me", "scram-sha-512") }],
  [
    "kafka+ssl://me%40corp.example@h/t?mechanism=scram-sha-256&ca=x@y.pem",
    { ...login("me@corp.example", "scram-sha-256"), ca: "x@y.pem" },
  ],
  ["kafka://me@h/t?mechanism=scram-sha-256", { tls: false, ...login("me", "scram-sha-256") }],
];

test.each(understood)("%s is parsed", (url, read) => {
  expect(parseLogUrl(url)).toMatchObject(read);
});

const refused: [url: string, sentence: string][] = [
  ["", '"" is not a valid log URL.'],
  ["embeded:", '"embeded:" is not a valid log URL.'],
  ["kafka", '"kafka" is not a valid log URL.'],
  ["kafka:", "The log URL is not valid."],
  ["kafka://", "Broker 1 of the log URL is not a valid host:port."],
  ["kafka:/x", "The log URL is not valid."],
  ["kafka://,", "Broker 1 of the log URL is not a valid host:port."],
  ["kafka://h,,i/t", "Broker 2 of the log URL is not a valid host:port."],
  ["kafka://h:0/t", "The port of broker 1 in the log URL is not a number from 1 to 65535."],
  ["kafka://h:70000/t", "The port of broker 1 in the log URL is not a number from 1 to 65535."],
  ["kafka://::1:9092/t", "Broker 1 of the log URL is not a valid host:port."],
  ["kafka://[::1/t", "Broker 1 of the log URL is not a valid host:port."],
  ["kafka://h/a/b", '"a/b" is not a valid topic name.'],
  ["kafka://h/..", '".." is not a valid topic name.'],
  ["kafka://h/t#x", "The log URL is not valid."],
  ["mysql://h/t", "A log URL can't begin with mysql://."],
  ["SASL_SSL://h:9093", "A log URL can't begin with SASL_SSL://."],
  ["kafka://me@h/t", "The log URL has a user but no mechanism."],
  ["kafka://h/t?mechanism=plain", "The log URL has a mechanism but no user."],
  ["kafka+ssl://me@h/t?mechanism=gssapi", "The log URL's mechanism is not supported."],
  ["kafka+ssl://@h/t?mechanism=plain", "The user name in the log URL is empty or not valid."],
  ["kafka+ssl://%zz@h/t?mechanism=plain", "The user name in the log URL is empty or not valid."],
  ["kafka+ssl://h/t?ca=", "The log URL's parameter ca is empty, not valid or set twice."],
  ["kafka+ssl://h/t?ca=a&ca=b", "The log URL's parameter ca is empty, not valid or set twice."],
  ["kafka://h/t?ca=a.pem", "The log URL has a CA file but no TLS."],
  ["kafka://h/t?acks=all", "The log URL has an unknown parameter."],
];

test.each(refused)("%p is refused with its sentence", (url, sentence) => {
  const error = errorOf(() => parseLogUrl(url));
  expect([error.code, error.message]).toEqual(["USAGE", sentence]);
  expect(error.hint).not.toBe("");
  expect(logName(url)).toBe("(not a valid log URL)");
});

/** Where people put passwords. */
const withPassword = (secret: string) => [
  `kafka://user:${secret}@h:9092/t`,
  `kafka+ssl://user:${secret}@h:9092,i:9092/t?mechanism=plain`,
  `kafka+ssl://user%3A${secret}@h:9092/t?mechanism=plain`,
  `kafka+ssl://:${secret}@h:9092/t`,
  `kafka+ssl://user@h:9092/t?mechanism=plain&password=${secret}`,
  `kafka+ssl://user@h:9092/t?${secret}`,
  `kafka+ssl://user@h:9092/t?mechanism=${secret}`,
  `kafka+ssl://user@h:${secret}/t?mechanism=plain`,
  `kafka://user:${secret}`,
  `kafka:user:${secret}@h`,
  `kafkas://user:${secret}@h/t`,
  `user:${secret}@h:9092`,
  `sasl_ssl://user:${secret}@h:9092/t`,
];

test("a password anywhere in the URL is refused, and no error or name repeats it", () => {
  for (const url of withPassword(SECRET)) {
    const error = errorOf(() => parseLogUrl(url));
    const said = `${error.message} ${error.hint} ${error.stack} ${logName(url)}`;
    expect(said, url).not.toContain(SECRET);
    expect(error.code).toBe("USAGE");
  }
  expect(errorOf(() => parseLogUrl(withPassword(SECRET)[0]!)).message).toContain("contains a password");
});

test("neither a password of any characters nor a part of it is repeated", () => {
  // Letters that occur in none of our sentences, among the characters that end parts of a URL.
  const piece = fc.constantFrom("Ω", "Ж", "@", ":", "/", "?", "#", "&", "=", "%", " ", "9", ",", "[", "]");
  const password = fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => `Ж${pieces.join("")}Ω`);
  fc.assert(
    fc.property(password, fc.nat(withPassword("").length - 1), (secret, which) => {
      const url = withPassword(secret)[which]!;
      try {
        // A few are valid by chance: then the URL has no password.
        const name = logName(url);
        expect(name).not.toMatch(/[ΩЖ]/);
        parseLogUrl(url);
      } catch (error) {
        expect(`${error} ${(error as TidemarkError).hint}`).not.toMatch(/[ΩЖ]/);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("quotes by commander or a library are shown without the part before an @", () => {
  for (const url of withPassword(SECRET).filter((one) => one.includes("@h"))) {
    expect(withoutTypedSecrets(`error: unknown option '--lgo=${url}'`), url).not.toContain(`:${SECRET}@`);
  }
  expect(withoutTypedSecrets("too many arguments: 'kafka://u:a b'c@h/t'")).toBe(
    "too many arguments: 'kafka://***@h/t'",
  );
  expect(withoutSecrets('{"msg":"trying wss://u:pw@feed.example/x","by":"me@b"}')).toBe(
    '{"msg":"trying wss://***@feed.example/x","by":"me@b"}',
  );
  process.env[PASSWORD] = SECRET;
  expect(withoutSecrets(`it said ${SECRET}!`)).toBe("it said ***!");
});

test("another topic keeps the rest of the URL", () => {
  expect(withTopic("kafka://a:1,b", "t")).toBe("kafka://a:1,b/t");
  expect(withTopic("kafka+ssl://me@h:1/x?mechanism=plain&ca=/a/b", "t")).toBe(
    "kafka+ssl://me@h:1/t?mechanism=plain&ca=/a/b",
  );
});

describe("the password", () => {
  const address = parseLogUrl("kafka+ssl://me@h/t?mechanism=plain") as KafkaAddress;

  test("comes from the environment, or from a file without its last line break", () => {
    process.env[PASSWORD] = "one";
    expect(accessOf(address)).toEqual({ ssl: {}, sasl: { mechanism: "plain", username: "me", password: "one" } });
    using dir = tempDir();
    const file = join(dir.path, "password");
    for (const [content, password] of [
      ["two\n", "two"],
      ["two\r\n", "two"],
      [" two words ", " two words "],
    ] as const) {
      writeFileSync(file, content);
      Object.assign(process.env, { [PASSWORD]: "", [PASSWORD_FILE]: file });
      expect(accessOf(address).sasl?.password).toBe(password);
    }
  });

  test("is required by name if it is missing, empty, set twice or unreadable", () => {
    using dir = tempDir();
    const [empty, none] = [join(dir.path, "empty"), join(dir.path, "none")];
    writeFileSync(empty, "\n");
    const cases: [given: Record<string, string>, said: string][] = [
      [{}, `The log URL names the user "me", but no password is set.`],
      [{ [PASSWORD]: "" }, `The log URL names the user "me", but no password is set.`],
      [{ [PASSWORD]: SECRET, [PASSWORD_FILE]: empty }, `${PASSWORD} and ${PASSWORD_FILE} are both set.`],
      [{ [PASSWORD_FILE]: empty }, `The file ${empty} (${PASSWORD_FILE}) is empty.`],
      [{ [PASSWORD_FILE]: none }, `The file ${none} (${PASSWORD_FILE}) can't be read: ENOENT`],
      [{ [PASSWORD_FILE]: "/dev/zero" }, `The file /dev/zero (${PASSWORD_FILE}) can't be read: it has more than`],
    ];
    for (const [given, said] of cases) {
      Object.assign(process.env, { [PASSWORD]: "", [PASSWORD_FILE]: "" }, given);
      const error = errorOf(() => checkLogUrl("kafka+ssl://me@h/t?mechanism=plain"));
      expect(error.message).toStartWith(said);
      expect(`${error.message}${error.hint}`).not.toContain(SECRET);
    }
  });

  test("isn't needed without a user; a CA file must have a certificate", () => {
    expect(accessOf(parseLogUrl("kafka+ssl://h/t") as KafkaAddress)).toEqual({ ssl: {}, sasl: undefined });
    using dir = tempDir();
    const file = join(dir.path, "ca.pem");
    writeFileSync(file, "hello");
    const said = errorOf(() => checkLogUrl(`kafka+ssl://h/t?ca=${file}`)).message;
    expect(said).toBe(`The file ${file} (the log URL's ca) contains no certificate.`);
  });
});
