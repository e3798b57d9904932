/** One round: real processes with faults while messages come, then an undisturbed end. */
import { join, resolve } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { type Spawned, spawnScript } from "../base/process.ts";
import { pause } from "../base/wait.ts";
import type { MachineClock } from "./machine-clock.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { type Fault, nextDeath, nextFault, type Stage } from "./plan.ts";
import { UsersFiles } from "./users-files.ts";

const SCRIPTS = resolve(import.meta.dir, "..");
/** Records per commit: few, so that a round has many commits. */
const POLL_RECORDS = "400";
/** Between two appends of the writer. */
const PAUSE_MS = 8;
/** A round that takes longer has failed. */
const ROUND_MS_MAX = 180_000;

type Script = [file: string, ...args: string[]];

export interface RoundOptions {
  /** A file of packed messages (feeder.ts). */
  messages: string;
  log: string;
  data: string;
  random: () => number;
  /** The clock under which the disturbed processes run; null where it can't be set. */
  clock: MachineClock | null;
}

interface RoundReport {
  outcome: Outcome;
  /** A user's files that are not as they were, as phrases. */
  missing: string[];
  /** How often each fault was applied, e.g. `stream kill` → 4. */
  done: Record<string, number>;
  seconds: number;
}

/** The same messages without any fault. */
export async function undisturbedRound(options: Omit<RoundOptions, "random" | "clock">): Promise<Outcome> {
  await finish(options, 0);
  return outcomeOf(options.data);
}

/** Rejects when a stage can't be brought to its end. */
export async function disturbedRound(options: RoundOptions): Promise<RoundReport> {
  const started_ms = monotonicMs();
  const crew = new Crew(options);
  await crew.work();
  await finish(options, PAUSE_MS);
  const seconds = (monotonicMs() - started_ms) / 1_000;
  return { outcome: outcomeOf(options.data), missing: crew.files.missing(), done: crew.done, seconds };
}

/** Runs each stage to the end of the log, undisturbed. */
async function finish(
  { messages, log, data }: Omit<RoundOptions, "random" | "clock">,
  pause_ms: number,
): Promise<void> {
  const where = ["--data", data, "--log", log, "--until-end", "--poll-records", POLL_RECORDS];
  await toEnd([join(SCRIPTS, "drill/feeder.ts"), messages, log, data, String(pause_ms)]);
  await toEnd([join(SCRIPTS, "stream.ts"), ...where]);
  await toEnd([join(SCRIPTS, "consume.ts"), ...where]);
  await toEnd([join(SCRIPTS, "batch.ts"), "--data", data]);
}

async function toEnd([file, ...args]: Script): Promise<void> {
  const { code, signal, stderr } = await spawnScript(file, args, { stderr: "keep", ms_max: ROUND_MS_MAX }).ended;
  if (code !== 0)
    throw new Error(`${file} ended with ${signal ?? code}: ${stderr.trim().split("\n").slice(-3).join(" ")}`);
}

/** The processes of a round, each started again when it ends before its work is done. */
class Crew {
  readonly done: Record<string, number> = {};
  readonly #children = new Map<Stage, Spawned>();
  /** Those that were killed from here; the others died at a named point. */
  readonly #killed = new WeakSet<Spawned>();
  readonly files: UsersFiles;
  #over = false;

  constructor(private readonly options: RoundOptions) {
    this.files = new UsersFiles(options.data, `${options.data}-outside`);
    options.clock?.set(0);
  }

  /** Runs until the writer has written all, or the time is over. */
  async work(): Promise<void> {
    const { random } = this.options;
    const end_ms = monotonicMs() + ROUND_MS_MAX;
    const keeping = [this.#keep("stream"), this.#keep("consume"), this.#keep("batch")];
    const written = this.#keep("writer");
    let writing = true;
    void written.then(() => {
      writing = false;
    });
    while (writing && monotonicMs() < end_ms) {
      const fault = nextFault(random);
      await Promise.race([pause(fault.wait_ms), written]);
      if (!writing) break;
      await this.#apply(fault);
    }
    this.#over = true;
    for (const child of this.#children.values()) child.kill("SIGKILL");
    await Promise.all([...keeping, written]);
  }

  async #apply({ stage, kind, sleep_ms, ahead_s }: Fault): Promise<void> {
    if (kind === "file") {
      this.files.add(this.options.random);
      this.#count("user's file");
      return;
    }
    if (kind === "clock") {
      if (this.options.clock === null) return;
      this.options.clock.set(ahead_s);
      this.#count("clock set");
      return;
    }
    const child = this.#children.get(stage);
    if (child === undefined) return;
    this.#count(`${stage} ${kind}`);
    if (kind === "kill") {
      this.#killed.add(child);
      child.kill("SIGKILL");
    } else if (kind === "term") child.kill("SIGTERM");
    else {
      child.kill("SIGSTOP");
      await pause(sleep_ms);
      child.kill("SIGCONT");
    }
  }

  /** Starts a stage until the round is over; the writer until it has written all. */
  async #keep(stage: Stage): Promise<void> {
    const { random } = this.options;
    while (!this.#over) {
      const death = nextDeath(stage, random);
      const [file, ...args] = this.#command(stage);
      const child = spawnScript(file, args, { env: { ...this.options.clock?.env, TIDEMARK_DIE_AT: death } });
      this.#children.set(stage, child);
      const { code, signal } = await child.ended;
      this.#children.delete(stage);
      const ownDeath = signal === "SIGKILL" && !this.#killed.has(child) && !this.#over;
      if (ownDeath) this.#count(`${stage} at ${death.replace(/:.*/, "")}`);
      if (stage === "writer" && code === 0) return;
      if (stage === "batch") await pause(150);
    }
  }

  #command(stage: Stage): Script {
    const { messages, log, data } = this.options;
    const where = ["--data", data, "--log", log, "--poll-records", POLL_RECORDS];
    if (stage === "writer") return [join(SCRIPTS, "drill/feeder.ts"), messages, log, data, String(PAUSE_MS)];
    return stage === "batch" ? [join(SCRIPTS, "batch.ts"), "--data", data] : [join(SCRIPTS, `${stage}.ts`), ...where];
  }

  #count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }
}
