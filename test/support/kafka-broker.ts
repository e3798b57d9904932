/**
 * `bun run test:kafka`: a Kafka broker in the foreground, for development.
 * `--port N` (9092), `--data DIR` (.cache/kafka/broker), `--fetch-only` (only fetches the jars).
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fetchJars, startBroker } from "./kafka.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "9092" },
    data: { type: "string", default: resolve(import.meta.dir, "../../.cache/kafka/broker") },
    "fetch-only": { type: "boolean", default: false },
  },
});
if (values["fetch-only"]) {
  fetchJars();
  process.exit(0);
}
const broker = await startBroker({ port: Number(values.port), dir: values.data });
process.stdout.write(`${broker.url}/raw_prices\n`);
process.stderr.write("A Kafka broker listens there until Ctrl-C. Use it with: bun run start --log ADDRESS\n");
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    broker.stop().then(() => process.exit(0));
  });
}
broker.process().once("exit", (code) => process.exit(code ?? 1));
