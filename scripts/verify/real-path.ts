/** One path as real processes in a directory of its own: simulator → produce → log → jobs → serve. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { dataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { type ProcessEnd, type Spawned, spawnScript } from "../base/process.ts";
import { METRICS_DIR } from "../base/project.ts";
import { temporaryFolder } from "../base/temporary.ts";
import { pause, within } from "../base/wait.ts";
import type { Sample, Word } from "./cell-judge.ts";
import { droppedIds, type FeedPlan, PRODUCT, QUIET_PRODUCT, recordingOf, type Sent } from "./synthetic-feed.ts";

/** Of the directories' names. */
export const FOLDER = "tidemark-verify-";
const SCRIPTS = resolve(import.meta.dir, "..");
/** What the batch computes: the answer that is compared, and the comparison. */
const METRICS = ["windows_by_minute.sql", "reconciliation.sql"];
/** A process that has not started by then has failed. */
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;
/** Ticks written without a pause: other scenarios are being measured by this process. */
const TICKS_AT_ONCE = 500;

type StageName = "simulator" | "produce" | "stream" | "consume" | "serve" | "schedule";

/** One run of the batch. Milliseconds of the monotonic clock. */
interface RunSpan {
  started_ms: number;
  ended_ms: number;
}

interface PathPlan {
  feed: FeedPlan;
  /** The recording's, from `feed`. */
  ticks: readonly Sent[];
  lateness: string;
  /** The runs are started by `schedule` this often; null: by `runBatch`. */
  every: string | null;
}

export class RealPath {
  readonly paths;
  /** Runs of `runBatch` that have ended. */
  readonly runs: RunSpan[] = [];
  /** When produce ended, by the monotonic clock. */
  fed_until_ms = Number.POSITIVE_INFINITY;
  readonly #dir = temporaryFolder(FOLDER);
  readonly #stages = new Map<StageName, Spawned>();
  /** Those that were stopped on purpose. */
  readonly #stopped = new WeakSet<Spawned>();
  #batch: Spawned | null = null;
  readonly #first = Promise.withResolvers<void>();
  #turn: Promise<void> = Promise.resolve();
  #url = "";
  #failure: string | null = null;

  constructor(private readonly plan: PathPlan) {
    this.paths = dataPaths(join(this.#dir, "data"));
  }

  /** Resolves when the first ticks are in the stream's answer. Fails with CHILD_FAILED. */
  async start(): Promise<void> {
    const { feed, ticks, every } = this.plan;
    const recording = join(this.#dir, "recording.jsonl");
    for (let i = 0; i < ticks.length; i += TICKS_AT_ONCE) {
      appendFileSync(recording, recordingOf(ticks.slice(i, i + TICKS_AT_ONCE)));
      await pause(0);
    }
    mkdirSync(this.#sql);
    for (const name of METRICS) writeFileSync(join(this.#sql, name), readFileSync(join(METRICS_DIR, name)));
    const faults = { drop_ids: droppedIds(feed, ticks), duplicate_every: feed.twice_every };
    const isFaulty = feed.drop_every !== undefined || feed.twice_every !== undefined;
    const simulator = [recording, "--port", "0", "--speed", String(feed.speed)];
    if (isFaulty) simulator.push("--faults", JSON.stringify(faults));
    if (feed.skew_s !== undefined) simulator.push(`--skew=${feed.skew_s}s`);
    for (const name of ["stream", "consume"] as const) this.launch(name);
    if (every !== null) this.#spawn("schedule", [...this.#where, "--every", every, "--rest", "0s", "--sql", this.#sql]);
    const [feedUrl, url] = await Promise.all([
      this.#address("simulator", "replay.ts", simulator),
      this.#address("serve", "serve.ts", [...this.#where, "--port", "0"]),
    ]);
    this.#url = url.replace(/\/$/, "");
    const products = `${PRODUCT},${QUIET_PRODUCT}`;
    await this.#until("the stores are there", async () => (await this.families()).tidemark_ticks_total !== undefined);
    this.#spawn("produce", [...this.#where, "--feed", feedUrl, "--products", products, "--until-end"]);
    await this.#until("ticks are counted", async () => ((await this.families()).tidemark_ticks_total ?? 0) > 0);
  }

  /** Starts `stream` or `consume`, for the first time or again. */
  launch(name: "stream" | "consume"): void {
    const more = name === "stream" ? ["--window", "1m", "--lateness", this.plan.lateness] : [];
    this.#spawn(name, [...this.#where, ...more]);
  }

  signal(name: StageName | "batch", signal: NodeJS.Signals): void {
    const child = name === "batch" ? this.#batch : this.#stages.get(name);
    if (child === null || child === undefined) throw new Error(`${name} does not run`);
    if (signal === "SIGKILL") this.#stopped.add(child);
    child.kill(signal);
  }

  /** Resolves with the end of a stage that ends by itself or was killed. */
  ended(name: StageName): Promise<ProcessEnd> {
    return this.#stages.get(name)!.ended;
  }

  /** −1 for one that was not started. */
  pid(name: StageName): number {
    return this.#stages.get(name)?.pid ?? -1;
  }

  get pids(): number[] {
    return [...this.#stages.values()].map(({ pid }) => pid);
  }

  /** One run from its start to its end, after the run in progress. Fails with CHILD_FAILED. */
  runBatch(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#run());
    return this.#turn;
  }

  /** Resolves when a run of `runBatch` has ended. */
  get firstRun(): Promise<void> {
    return this.#first.promise;
  }

  /** Resolves when no run is in progress. */
  get idle(): Promise<void> {
    return this.#turn;
  }

  async #run(): Promise<void> {
    const started_ms = monotonicMs();
    const args = ["--data", this.paths.root, "--sql", this.#sql];
    const child = spawnScript(join(SCRIPTS, "batch.ts"), args, { stdin: "lifeline", stderr: "keep" });
    this.#batch = child;
    const { code, signal, stderr } = await child.ended;
    this.#batch = null;
    if (code !== 0) throw failed("batch", signal ?? code, stderr);
    this.runs.push({ started_ms, ended_ms: monotonicMs() });
    this.#first.resolve();
  }

  /** What the page answers now. Fails with CHILD_FAILED when a stage has ended by itself. */
  async sample(phase: Sample["phase"], isQuietAsked: boolean): Promise<Sample> {
    if (this.#failure !== null) throw new TidemarkError("CHILD_FAILED", this.#failure);
    const words = async (product: string) =>
      (await this.#json<{ words: Word[] }>(`/api/comparison?product=${product}&window=1m`))?.words ?? [];
    const [main, quiet, families, missing] = await Promise.all([
      words(PRODUCT),
      isQuietAsked ? words(QUIET_PRODUCT) : [],
      this.families(),
      this.#missing(),
    ]);
    return { phase, words: main, quiet, families: { ...families, missing_trade_ids: missing } };
  }

  /** The values of /metrics, by name and labels. */
  async families(): Promise<Record<string, number>> {
    const response = await fetch(`${this.#url}/metrics`, { signal: AbortSignal.timeout(START_MS_MAX) });
    const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), valueIn(line)]));
  }

  /** Trade ids that the stream's windows lack. */
  async #missing(): Promise<number> {
    const windows = await this.#json<{ missing: number }[]>(`/api/windows?product=${PRODUCT}&window=1m`);
    return (windows ?? []).reduce((sum, { missing }) => sum + missing, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#stages.values(), ...(this.#batch === null ? [] : [this.#batch])];
    for (const child of children) {
      this.#stopped.add(child);
      // A process that was stopped by a signal drains only after it continues.
      child.kill("SIGCONT");
    }
    await Promise.all(children.map((child) => child.stop(STOP_MS_MAX)));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #where(): string[] {
    return ["--data", this.paths.root];
  }

  get #sql(): string {
    return join(this.#dir, "sql");
  }

  #spawn(name: Exclude<StageName, "simulator" | "serve">, args: string[]): void {
    this.#keep(name, spawnScript(join(SCRIPTS, `${name}.ts`), args, { stdin: "lifeline", stderr: "keep" }));
  }

  #keep(name: StageName, child: Spawned): void {
    this.#stages.set(name, child);
    void child.ended.then(({ code, signal, stderr }) => {
      if (name === "produce") this.fed_until_ms = monotonicMs();
      if (!this.#stopped.has(child) && code !== 0) this.#failure ??= failed(name, signal ?? code, stderr).message;
    });
  }

  /** Starts a server; resolves with the address that it prints. */
  async #address(name: "simulator" | "serve", file: string, args: string[]): Promise<string> {
    const child = spawnScript(join(SCRIPTS, file), args, { stdin: "lifeline", stdout: "pipe", stderr: "keep" });
    this.#keep(name, child);
    const first = async () => {
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of child.stdout) {
        text += decoder.decode(chunk, { stream: true });
        if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
      }
      throw failed(name, "no address", (await child.ended).stderr);
    };
    return within(START_MS_MAX, first(), () => failed(name, "no address in time", ""));
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const end_ms = monotonicMs() + START_MS_MAX; !(await holds()); await pause(50)) {
      if (this.#failure !== null) throw new TidemarkError("CHILD_FAILED", this.#failure);
      if (monotonicMs() > end_ms) throw new TidemarkError("CHILD_FAILED", `Not in time: ${what}.`);
    }
  }

  /** Null while the page has no answer yet. */
  async #json<T>(path: string): Promise<T | null> {
    const response = await fetch(this.#url + path, { signal: AbortSignal.timeout(START_MS_MAX) });
    return response.ok ? ((await response.json()) as T) : null;
  }
}

function failed(name: string, how: string | number, stderr: string): TidemarkError {
  const lines = stderr.trim().split("\n").slice(-3).join(" ");
  return new TidemarkError("CHILD_FAILED", `${name} ended with ${how}: ${lines}`);
}

function valueIn(line: string): number {
  return Number(line.slice(line.lastIndexOf(" ") + 1));
}
