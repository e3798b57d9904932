/** What `allWell` writes stays true for as long as a test takes. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { FED_BY, feed } from "./health-states.ts";

/**
 * Repeats `allWell` as stages do, however slow the machine is: not in what a test or a stage has
 * changed since, and without waiting for a lock.
 */
export function stayWell(data: string): Disposable {
  const stay = (file: string) => {
    const db = new Database(join(data, file), { readwrite: true });
    const [alive, isOurs] = ["name = 'run_alive_us'", "name = 'run_pid' AND value"];
    try {
      db.query(
        `UPDATE counters SET value = ? WHERE ${alive} AND EXISTS (SELECT 1 FROM counters WHERE ${isOurs} = ?)`,
      ).run(nowUs() + 8e6, process.pid);
    } finally {
      db.close();
    }
  };
  const stayFed = () => {
    const known = JSON.parse(readFileSync(join(data, "feed.json"), "utf8"));
    if (known.run_pid === FED_BY) feed(data, { ...known, as_of_us: nowUs() + 8e6 });
  };
  const timer = setInterval(() => {
    for (const one of [() => stay("windows.db"), () => stay("ticks.db"), stayFed]) {
      // What is away, damaged or locked is so by the test's will.
      try {
        one();
      } catch {}
    }
  }, 1_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
