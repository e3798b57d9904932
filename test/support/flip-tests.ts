/** The tests of flipped bits; the caller chooses how many flips. */
import { expect, test } from "bun:test";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { batch, FINGERPRINT, metricFolder, resultRows } from "./batch.ts";
import { stored, tempDir } from "./data.ts";
import { type Flipped, flip, flipsInProcess, random, settle } from "./flips.ts";
import { run } from "./process.ts";

const seed = Number(process.env.TIDEMARK_SEED ?? Math.floor(Math.random() * 1e9));
const folder = metricFolder({ fingerprint: FINGERPRINT });

export function testFlips({ in_process }: { in_process: number }): void {
  test(`${in_process} flipped bits in process: found, or nothing that is covered differs (seed ${seed})`, async () => {
    using dir = await stored();
    expect((await batch(dir.path, ["--sql", folder.path])).code).toBe(0);
    const flips = await flipsInProcess(dir.path, in_process, seed);
    expect(flips.filter(({ outcome }) => outcome === "WRONG")).toEqual([]);
    // Every byte of a Parquet file is covered.
    expect(flips.filter(({ kind, outcome }) => kind.includes("Parquet") && outcome !== "found")).toEqual([]);
    expect(outcomes(flips)).toMatchObject({ found: expect.any(Number) });
    // All are as they were: nothing that was found came from the flip before.
    expect((await batch(dir.path, ["--sql", folder.path])).code).toBe(0);
  });
}

/** Whose flip the commands meet, before a batch (nothing is archived yet) or after one. */
const BY_COMMANDS = ["ticks.db", "windows.db", "log.db", "ticks", "minutes", "manifest.json"] as const;

/**
 * After each flip: both stages to the log's end, a batch, `doctor --deep`. An answer that is not the
 * right one must have been called wrong by one of them: an exit status of 1 with a sentence, or an
 * unexplained difference.
 */
export function testFlipsByCommands(count: number): void {
  test(`${count} flipped bits through the commands: never a wrong answer that is called right (seed ${seed})`, async () => {
    using fresh = await stored();
    using collected = await stored();
    expect((await batch(collected.path, ["--sql", folder.path])).code).toBe(0);
    const right = resultRows(collected.path, "fingerprint");
    for (const data of [fresh.path, collected.path])
      for (const name of ["ticks.db", "windows.db", "log.db"]) settle(join(data, name));
    const next = random(seed);
    for (let i = 0; i < count; i++) {
      const kind = BY_COMMANDS[i % BY_COMMANDS.length]!;
      const inStore = kind.endsWith(".db");
      using dir = tempDir();
      cpSync(inStore ? fresh.path : collected.path, dir.path, { recursive: true });
      const what = flip(fileOf(dir.path, kind, next), next);
      const said: [string, number | null, string][] = [];
      for (const [name, ...args] of [
        ["consume", "--until-end"],
        ["stream", "--until-end"],
        ["doctor", "--deep"],
      ] as const) {
        const { code, stderr, stdout } = await run(name, ["--data", dir.path, ...args]);
        said.push([name, code, stderr + stdout]);
      }
      const { code, json, stderr } = await batch(dir.path, ["--sql", folder.path]);
      said.push(["batch", code, stderr]);
      const verdict = await batch(dir.path, ["--metric", "reconciliation"]);
      for (const [name, , text] of said) expect([what, name, /^\s+at .*\.ts/m.test(text)]).toEqual([what, name, false]);
      const isCalledWrong =
        said.some(([, status]) => status !== 0) ||
        verdict.code !== 0 ||
        (verdict.json.reconciliation?.unexplained ?? 0) > 0;
      if (isCalledWrong) continue;
      expect([what, json.failed]).toEqual([what, []]);
      const { offsets: _, ...answer } = resultRows(dir.path, "fingerprint")[0]!;
      expect([what, answer]).toEqual([what, expect.objectContaining(withoutOffsets(right[0]!))]);
    }
  });
}

/** docs/archive.md: a tick's log offset in ticks.db is covered by nothing before it was collected. */
function withoutOffsets({ offsets: _, ...row }: Record<string, unknown>): Record<string, unknown> {
  return row;
}

function fileOf(data: string, kind: (typeof BY_COMMANDS)[number], next: () => number): string {
  if (kind.endsWith(".db")) return join(data, kind);
  if (kind === "manifest.json") return join(data, "archive", kind);
  const folder = join(data, "archive", kind);
  const names = readdirSync(folder).filter((name) => name.endsWith(".parquet"));
  return join(folder, names[Math.floor(next() * names.length)]!);
}

function outcomes(flips: Flipped[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of flips) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
