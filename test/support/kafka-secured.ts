/** A Kafka broker like those in the cloud: TLS, logins, rights, and misconfigured listeners. */
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from "kafkajs";
import { type Broker, freePort, startBroker, stockClient, whenGone } from "./kafka.ts";

/** Found in no output of any command, or a test fails. */
export const PASSWORD = "s3cret-Pa55/w@rd:x";
/** May do all that a pipeline needs; `granted` below gives others a part of it. */
export const USER = "tidemark";
/** A user without rights, until a test grants some. */
export const STRANGER = "stranger";
const STORE_PASSWORD = "store-password";

export interface SecuredBroker {
  /** The plain listener, whose anonymous user may do everything. */
  plain: Broker;
  /** host:port of each listener. */
  at: { tls: string; login: string; tlsLogin: string; astray: string; mutual: string };
  /** The certificate that signed the listeners' own; `other` has signed nothing. */
  ca: string;
  other: string;
}

let shared: Promise<SecuredBroker> | null = null;

/** One for all test files of a process; it ends with the process. */
export function sharedSecuredBroker(): Promise<SecuredBroker> {
  shared ??= startSecuredBroker();
  return shared;
}

/** `kafka+ssl://` with a login, for --log. */
export function securedUrl(broker: SecuredBroker, topic: string, mechanism = "scram-sha-512", user = USER): string {
  return `kafka+ssl://${user}@${broker.at.tlsLogin}/${topic}?mechanism=${mechanism}&ca=${encodeURIComponent(broker.ca)}`;
}

async function startSecuredBroker(): Promise<SecuredBroker> {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-tls-"));
  whenGone(`rm -rf "${dir}"`);
  const [store, ca] = certificate(dir, "broker", "san=ip:127.0.0.1");
  const [, other] = certificate(dir, "other", "san=ip:127.0.0.1");
  const names = ["TLS", "LOGIN", "TLSLOGIN", "ASTRAY", "MUTUAL"];
  const ports = await Promise.all(names.map(freePort));
  const [tls, login, tlsLogin, astray, mutual] = ports.map((port) => `127.0.0.1:${port}`) as [string, ...string[]];
  const plain = await startBroker({
    listeners: names.map((name, i) => {
      const listener = `${name}://127.0.0.1:${ports[i]}`;
      return { listener, advertised: name === "ASTRAY" ? "ASTRAY://kafka.internal.invalid:9092" : listener };
    }),
    properties: [
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ASTRAY:PLAINTEXT,TLS:SSL,MUTUAL:SSL,LOGIN:SASL_PLAINTEXT,TLSLOGIN:SASL_SSL",
      "inter.broker.listener.name=PLAINTEXT",
      "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users=User:ANONYMOUS",
      `ssl.keystore.location=${store}`,
      "ssl.keystore.type=PKCS12",
      `ssl.keystore.password=${STORE_PASSWORD}`,
      `ssl.truststore.location=${ca}`,
      "ssl.truststore.type=PEM",
      "listener.name.mutual.ssl.client.auth=required",
      ...["login", "tlslogin"].flatMap(logins),
    ],
    format: [USER, STRANGER].flatMap((user) =>
      ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => [
        "--add-scram",
        `${kind}=[name=${user},password=${PASSWORD}]`,
      ]),
    ),
  });
  await granted(plain.port, USER, [
    ["TOPIC", "", "ALL"],
    ["GROUP", "", "ALL"],
  ]);
  return {
    plain,
    at: { tls, login: login!, tlsLogin: tlsLogin!, astray: astray!, mutual: mutual! },
    ca,
    other,
  };
}

function logins(listener: string): string[] {
  const module = "org.apache.kafka.common.security";
  const users = [USER, STRANGER].map((user) => `user_${user}="${PASSWORD}"`).join(" ");
  return [
    `listener.name.${listener}.sasl.enabled.mechanisms=${listener === "login" ? "SCRAM-SHA-256" : "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"}`,
    `listener.name.${listener}.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required ${users};`,
    `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${module}.scram.ScramLoginModule required;`,
    `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${module}.scram.ScramLoginModule required;`,
  ];
}

/** A key with a certificate that it has signed itself: the keystore, and the certificate as PEM. */
function certificate(dir: string, name: string, extension: string): [store: string, pem: string] {
  const [store, pem] = [join(dir, `${name}.p12`), join(dir, `${name}.pem`)];
  const common = ["-keystore", store, "-storepass", STORE_PASSWORD, "-alias", name];
  const keytool = (args: string[]) => {
    const done = spawnSync("keytool", args, { encoding: "utf8" });
    if (done.status !== 0) throw new Error(`keytool failed: ${done.stdout}${done.stderr}`);
  };
  const subject = ["-dname", `CN=${name}`, "-validity", "2", "-ext", extension, "-ext", "bc:c"];
  keytool(["-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-storetype", "PKCS12", ...subject, ...common]);
  keytool(["-exportcert", "-rfc", "-file", pem, ...common]);
  return [store, pem];
}

type Right = [kind: "TOPIC" | "GROUP" | "CLUSTER", prefix: string, operation: keyof typeof AclOperationTypes];

/** Gives a user rights on all topics or groups that begin with `prefix` ("" is every one). */
export async function granted(port: number, user: string, rights: Right[]): Promise<void> {
  const admin = stockClient(port).admin();
  await admin.connect();
  await admin.createAcls({ acl: rights.map((right) => entryOf(user, right)) });
  await admin.disconnect();
}

/** Takes them away again. */
export async function revoked(port: number, user: string, rights: Right[]): Promise<void> {
  const admin = stockClient(port).admin();
  await admin.connect();
  await admin.deleteAcls({ filters: rights.map((right) => entryOf(user, right)) });
  await admin.disconnect();
}

function entryOf(user: string, [kind, prefix, operation]: Right) {
  return {
    resourceType: AclResourceTypes[kind],
    resourceName: kind === "CLUSTER" ? "kafka-cluster" : prefix || "*",
    resourcePatternType: prefix === "" ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
    principal: `User:${user}`,
    host: "*",
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  };
}
