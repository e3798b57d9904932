/** An archive of fa0d24d (archive-v1.tar.gz): read as it is, then converted; nothing is lost. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batch, FINGERPRINT, manifestOf, NO_EXTENSION } from "../support/batch.ts";
import { filesBelow, ROOT, sqlite, tempDir, unpackInto } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

const TICKS = 302;
const KILLS = ["file-written:2", "manifest:1", "committed:1", "folder-away:1", "folder-replaced:1"];
/**
 * A directory of which nothing, or all but the last 53 ticks, was pruned; today's stages have opened
 * its stores.
 */
async function written(name: "whole" | "pruned") {
  const dir = tempDir();
  const archive = join(ROOT, "test/archive/archive-v1.tar.gz");
  unpackInto(dir.path, archive);
  const path = join(dir.path, name);
  for (const stage of ["stream", "consume"]) await run(stage, ["--data", path, "--until-end"]);
  return { ...dir, path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}
const ask = async (data: string) => {
  const { stdout, stderr } = await run("query", ["--data", data, "--format", "json", FINGERPRINT]);
  return stdout === "" ? stderr : JSON.parse(stdout)[0];
};

for (const name of ["whole", "pruned"] as const) {
  for (const env of [{}, NO_EXTENSION]) {
    // The kills of either kind, and either way to read the stores, once.
    const isKilled = (name === "whole") === (env === NO_EXTENSION);
    test(`${name}, ${env === NO_EXTENSION ? "without" : "with"} the extension: every answer stays${isKilled ? ", killed on the way" : ""}`, async () => {
      using dir = await written(name);
      const before = await ask(dir.path);
      expect(before).toMatchObject({ ticks: TICKS, ids: TICKS });
      writeFileSync(join(dir.path, "archive/ticks/mine.txt"), "mine");
      for (const point of isKilled ? KILLS : []) {
        const killed = await batch(dir.path, ["--metric", "coverage"], { ...env, TIDEMARK_DIE_AT: point });
        expect([point, killed.signal]).toEqual([point, "SIGKILL"]);
        expect([point, await ask(dir.path)]).toEqual([point, before]);
      }
      const { code, json, stderr } = await batch(dir.path, ["--metric", "reconciliation"], env);
      expect([code, json.ticks_total, json.ticks_new, stderr.match(/error/)]).toEqual([0, TICKS, 0, null]);
      expect(json.reconciliation).toMatchObject({ unexplained: 0 });
      expect(await ask(dir.path)).toEqual(before);
      const { version, files, minutes } = manifestOf(dir.path);
      const unverified = files.filter(({ verified }) => !verified).reduce((sum, { rows }) => sum + rows, 0);
      expect([version, unverified]).toEqual([3, name === "whole" ? 0 : 249]);
      const names = Object.keys(filesBelow(join(dir.path, "archive")));
      const data = names.filter((path) => /^(ticks|minutes)\//.test(path));
      expect(data).toEqual([...minutes, ...files, { path: "ticks/mine.txt" }].map(({ path }) => path).sort());
      expect(names.filter((path) => path.startsWith(".writing"))).toEqual([]);
      const doctor = await run("doctor", ["--data", dir.path, "--deep", "--json"]);
      const state = (doctor.json as unknown as { what: string; found: string }[]).find(
        ({ what }) => what === "archive",
      )!;
      expect(state.found.includes("249 of them were pruned before there were checksums")).toBe(name === "pruned");
    });
  }
}

test("a digit that is another than in ticks.db is found in the conversion, with its file and what to do", async () => {
  for (const name of ["whole", "pruned"] as const) {
    using dir = await written(name);
    sqlite(dir.path, "ticks.db", "UPDATE ticks SET price = '1.25' WHERE insert_id = 290");
    const { code, stderr } = await batch(dir.path, ["--metric", "coverage"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("TIDEMARK_STORE_CORRUPT")]);
    expect(stderr).toMatch(
      /day=2023-09-05\/5-1\.parquet has other rows than ticks\.db has, the first with insert_id 290/,
    );
    expect(stderr).toContain(name === "whole" ? "Move the archive folder away" : "were pruned from ticks.db");
    expect(await ask(dir.path)).toMatchObject({ ticks: TICKS });
  }
});

test("fa0d24d's manifest check refuses the new one, and a newer one is refused with a sentence, never called damaged", async () => {
  using dir = await written("whole");
  expect((await batch(dir.path, ["--metric", "coverage"])).code).toBe(0);
  const path = join(dir.path, "archive/manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  // The old program takes version 1 alone: any other number ends it before it reads or removes a file.
  expect(manifest.version).toBe(3);
  const files = filesBelow(join(dir.path, "archive"));
  writeFileSync(path, JSON.stringify({ version: 4, anything: true }));
  for (const { code, stderr } of [
    await batch(dir.path),
    await run("query", ["--data", dir.path, "SELECT 1"]),
    await run("prune", ["--data", dir.path]),
  ]) {
    expect(code).toBe(1);
    expect(stderr).toContain("was written by a newer Tidemark (version 4, this one knows 3). [TIDEMARK_SCHEMA_NEWER]");
  }
  expect(Object.keys(filesBelow(join(dir.path, "archive")))).toEqual(Object.keys(files));
});
