/** A stage's text file is read again exactly when it is another one. */
import { expect, test } from "bun:test";
import { renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { KeptText } from "../../../web/model/kept-text.ts";
import { openSources } from "../../../web/model/sources.ts";
import { tempDir } from "../../support/data.ts";

test("a text is parsed once until the file is replaced, written or removed", () => {
  using dir = tempDir();
  const path = join(dir.path, "feed.json");
  const parsed: string[] = [];
  const kept = new KeptText(path, (text) => {
    parsed.push(text);
    return { text };
  });
  const ask = () => [kept.value, kept.value][1]!.text;
  expect(ask()).toBe("");
  writeFileSync(path, "one");
  expect(ask()).toBe("one");
  // Of the same size and the same modification time, as after a restored copy.
  writeFileSync(`${path}.tmp`, "two");
  utimesSync(path, 1, 1);
  utimesSync(`${path}.tmp`, 1, 1);
  renameSync(`${path}.tmp`, path);
  expect(ask()).toBe("two");
  writeFileSync(path, "three");
  expect(ask()).toBe("three");
  rmSync(path);
  expect(ask()).toBe("");
  expect(parsed).toEqual(["", "one", "two", "three", ""]);
});

test("what is parsed of feed.json and schedule.json is one object for all parts of a page", () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  const sources = openSources(paths);
  writeFileSync(paths.schedule, JSON.stringify({ pid: 1, began_us: 1, due_us: 2, status: 0 }));
  const first = sources.schedule();
  expect(first).not.toBeNull();
  expect(sources.schedule()).toBe(first);
  sources.close();
});
