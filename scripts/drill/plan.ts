/** The faults of a drill, in messages and processes, as a pure function of a seed. */

/** Numbers in [0, 1) from a seed (mulberry32, public domain by Tommy Ettinger). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export type Stage = "writer" | "stream" | "consume" | "batch";

/**
 * Points at which a stage can kill itself (docs/faults.md); a test compares the list with what a run
 * passes.
 */
export const POINTS: Record<Stage, string[]> = {
  writer: [],
  stream: ["stream-read", "stream-csv-written", "stream-offsets-saved", "stream-before-commit", "stream-committed"],
  consume: ["consume-read", "consume-inserted", "consume-before-commit", "consume-committed"],
  batch: ["file-written", "file-renamed", "manifest", "committed"],
};

/** One fault, and how long to wait before it. */
export interface Fault {
  wait_ms: number;
  /** Of `kill`, `term` and `sleep`. */
  stage: Exclude<Stage, "batch">;
  /**
   * SIGKILL; SIGTERM; a sleep of `sleep_ms`; the machine's clock is set; a user's file appears in a
   * folder.
   */
  kind: "kill" | "term" | "sleep" | "clock" | "file";
  sleep_ms: number;
  /** Of `clock`: how far it is ahead of the right time afterwards. */
  ahead_s: number;
}

/**
 * Never behind the right time: then ticks of the last minutes would be stamped ahead of their append.
 * From one step to the next the clock is set forward or back.
 */
const AHEAD_S = [0, 0, 2, 30, 600, 3_600, 8 * 3_600];

export function nextFault(random: () => number): Fault {
  const stage = (["stream", "consume", "writer"] as const)[Math.floor(random() * 3)]!;
  const kind = random() < 0.7 ? "kill" : random() < 0.5 ? "term" : "sleep";
  const others = random();
  return {
    wait_ms: 40 + random() * 260,
    stage,
    kind: others < 0.12 ? "clock" : others < 0.3 ? "file" : kind,
    sleep_ms: 100 + random() * 400,
    ahead_s: AHEAD_S[Math.floor(random() * AHEAD_S.length)]!,
  };
}

/** Where the next process of a stage kills itself, as TIDEMARK_DIE_AT; "" for nowhere. */
export function nextDeath(stage: Stage, random: () => number): string {
  const points = POINTS[stage];
  if (points.length === 0 || random() < 0.6) return "";
  const name = points[Math.floor(random() * points.length)]!;
  const most = name === "consume-inserted" ? 3_000 : 12;
  return `${name}:${1 + Math.floor(random() * most)}`;
}

/** The messages with some of them repeated, some far too late, and some malformed ones in between. */
export function withFaults(messages: Uint8Array[], random: () => number): Uint8Array[] {
  const malformed = [
    new TextEncoder().encode("rubbish"),
    new TextEncoder().encode('{"type":"ticker"'),
    new Uint8Array(0),
  ];
  const held: { at: number; message: Uint8Array }[] = [];
  const out: Uint8Array[] = [];
  for (const [i, message] of messages.entries()) {
    const dice = random();
    if (dice < 0.004) held.push({ at: i + Math.floor(random() * 2_000), message });
    else out.push(message);
    if (dice > 0.99) out.push(messages[Math.floor(random() * (i + 1))]!);
    if (dice > 0.998) out.push(malformed[Math.floor(random() * malformed.length)]!);
    for (let j = held.length - 1; j >= 0; j--) if (held[j]!.at <= i) out.push(held.splice(j, 1)[0]!.message);
  }
  return [...out, ...held.map(({ message }) => message)];
}
