/** A process that prints the properties of kafkajs that each step changed: `kafkajs-state.ts STEP…`. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

type State = Map<object, { name: string; values: Map<PropertyKey, unknown> }>;

const require = createRequire(import.meta.url);
const KAFKAJS = dirname(require.resolve("kafkajs/package.json"));
const OURS = join(import.meta.dir, "../../../scripts/log/kafka");

/** Every property of every object and class that a module of kafkajs exports, at any depth. */
function stateOf(): State {
  const state: State = new Map();
  const files = readdirSync(join(KAFKAJS, "src"), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".js")).sort()) {
    visit(state, file, require(join(KAFKAJS, "src", file)));
  }
  return state;
}

function visit(state: State, name: string, value: unknown): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || state.has(value)) return;
  const values = new Map<PropertyKey, unknown>();
  state.set(value, { name, values });
  for (const key of Reflect.ownKeys(value)) {
    const own = Object.getOwnPropertyDescriptor(value, key)!;
    values.set(key, own.value ?? own.get);
    visit(state, `${name} ${String(key)}`, own.value);
  }
}

function changes(before: State, after: State): string[] {
  const changed: string[] = [];
  for (const [object, { name, values }] of before) {
    const now = after.get(object)?.values;
    // Reachable no more: what replaced it is a change of the object that held it.
    if (now === undefined) continue;
    for (const key of new Set([...values.keys(), ...now.keys()])) {
      if (!Object.is(values.get(key), now.get(key))) changed.push(`${name} ${String(key)}`);
    }
  }
  return changed;
}

/**
 * `import`: all files of log/kafka and the bench's reader; `raw`: it reads RAW_COUNT records of
 * RAW_URL.
 */
const STEPS: Record<string, () => Promise<unknown>> = {
  async import() {
    for (const file of readdirSync(OURS)) if (!file.endsWith(".d.ts")) await import(join(OURS, file));
    await import("../../../scripts/bench/raw-read.ts");
  },
  async patch() {
    const { patchKafkajs } = await import("../../../scripts/log/kafka/patches.ts");
    patchKafkajs();
  },
  async raw() {
    const [{ readRaw }, { quiet }] = await Promise.all([
      import("../../../scripts/log/kafka/raw-reader.ts"),
      import("../data.ts"),
    ]);
    await readRaw(process.env.RAW_URL!, Number(process.env.RAW_COUNT), quiet);
  },
};

const steps: Record<string, string[]> = {};
for (const [i, step] of process.argv.slice(2).entries()) {
  const before = stateOf();
  await STEPS[step]!();
  steps[`${i} ${step}`] = changes(before, stateOf());
}
process.stdout.write(`${JSON.stringify(steps)}\n`);
process.exit(0);
