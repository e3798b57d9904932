/** A store shows the figures of a process that is alive, also after the clock was set back. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { WindowStore } from "../../scripts/store/window-store.ts";
import { tempDir } from "../support/data.ts";

const HOUR = 3_600e6;
const OTHER = 999_999_999;

for (const [name, alive_us, taken] of [
  ["wrote a moment ago", () => nowUs(), false],
  ["fell silent", () => nowUs() - HOUR, true],
  ["wrote before the clock was set back by an hour", () => nowUs() + HOUR, true],
] as const) {
  test(`another process that ${name}: its figures ${taken ? "are taken over" : "stay"}`, () => {
    using dir = tempDir();
    const store = new WindowStore(join(dir.path, "windows.db"));
    store.db.query("INSERT INTO counters VALUES ('run_pid', ?), ('run_alive_us', ?)").run(OTHER, alive_us());
    store.saveFigures({ run_pid: process.pid, run_alive_us: nowUs() });
    expect(store.counter("run_pid")).toBe(taken ? process.pid : OTHER);
    store.close();
  });
}

test("another process that has ended a moment ago: its figures are taken over at once", () => {
  using dir = tempDir();
  const store = new WindowStore(join(dir.path, "windows.db"));
  store.db
    .query("INSERT INTO counters VALUES ('run_pid', ?), ('run_alive_us', ?), ('run_ended', 1)")
    .run(OTHER, nowUs());
  store.saveFigures({ run_pid: process.pid, run_alive_us: nowUs(), run_ended: 0 });
  expect(store.counter("run_pid")).toBe(process.pid);
  store.close();
});
