/**
 * Keeps the disk of a folder busy: `disk-load.ts FOLDER` writes 50 MB once a second and syncs it,
 * until SIGTERM. Then it prints a DiskLoad as JSON.
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { median } from "../base/median.ts";

const BYTES = 50_000_000;
const EVERY_MS = 1_000;
/** The file is written over from its start after this many rounds. */
const ROUNDS = 10;

export interface DiskLoad {
  mb_per_second: number;
  sync_p50_ms: number;
}

async function load(folder: string): Promise<DiskLoad> {
  let stopped = false;
  process.on("SIGTERM", () => {
    stopped = true;
  });
  const path = join(folder, `disk-load-${process.pid}`);
  const file = openSync(path, "w");
  // Not zeros: a disk may store those without writing them.
  const bytes = new Uint8Array(BYTES);
  for (let at = 0; at < BYTES; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  const syncs: number[] = [];
  const started_ms = monotonicMs();
  try {
    for (let round = 0; !stopped; round++) {
      const begun_ms = monotonicMs();
      const at = (round % ROUNDS) * BYTES;
      for (let done = 0; done < BYTES; ) done += writeSync(file, bytes, done, BYTES - done, at + done);
      fsyncSync(file);
      syncs.push(monotonicMs() - begun_ms);
      await Bun.sleep(Math.max(0, started_ms + (round + 1) * EVERY_MS - monotonicMs()));
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
  const seconds = (monotonicMs() - started_ms) / 1_000;
  return { mb_per_second: (syncs.length * BYTES) / 1e6 / seconds, sync_p50_ms: median(syncs) };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await load(process.argv[2]!))}\n`);
