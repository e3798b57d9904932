/** The log in SQLite: the suite of every log, and retention. */
import { afterAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { type EmbeddedLog, openEmbedded } from "../../../scripts/log/embedded/embedded-log.ts";
import { quiet, tempDir } from "../../support/data.ts";
import { read, record, startWriter } from "../../support/log-records.ts";
import { conformance } from "../conformance.ts";

const root = tempDir();
afterAll(() => root[Symbol.dispose]());

const paths = (name: string) => openDataDir(join(root.path, name));
const open = (name: string, partitions?: number): EmbeddedLog =>
  openEmbedded(paths(name), { role: "writer", partitions, logger: quiet });

conformance("embedded", {
  open: async (name, partitions) => open(name, partitions),
  dropBefore: async (name, offset) => {
    const log = open(name);
    await log.retain({ before: new Map([[0, offset]]) });
    await log.close();
  },
  replace: async (name) => rmSync(join(root.path, name), { recursive: true }),
  writer: (name, ...more) => startWriter("embedded:", join(root.path, name), ...more),
  timeout_ms: 120_000,
});

test("retention: a writer drops blocks older than --retain, a few with each append, and never the newest", async () => {
  const data = paths("retained");
  const before = openEmbedded(data, { role: "writer", logger: quiet });
  for (let i = 0; i < 500; i++) await before.append([record("A", `${i}`)]);
  await before.close();
  const log = openEmbedded(data, { role: "writer", retain_us: 1, logger: quiet });
  const starts: number[] = [];
  for (let i = 500; i < 505; i++) {
    await log.append([record("A", `${i}`)]);
    starts.push((await log.spans())[0]!.start);
  }
  expect(starts).toEqual([200, 400, 502, 503, 504]);
  const reader = await log.reader({ group: "new", position: () => 0 });
  expect((await read(reader, 1)).map((r) => [r.text, r.offset])).toEqual([["504", 504]]);
  await reader.close();
  await log.close();
  const kept = openEmbedded(data, { role: "writer", retain_us: 3_600_000_000, logger: quiet });
  await kept.append([record("A", "505")]);
  expect(await kept.spans()).toEqual([{ partition: 0, start: 504, end: 506 }]);
  await kept.close();
});
