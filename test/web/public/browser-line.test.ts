/** A tab's own connection, where no worker is shared. */
import { expect, spyOn, test } from "bun:test";
import { browserLine } from "../../../web/public/browser-line.ts";
import { surroundings } from "../../../web/public/surroundings.ts";

test("a tab that its own line has dropped watches again with its next sign of life, unless the page is left", async () => {
  const scope = globalThis as { document?: unknown };
  const before = scope.document;
  scope.document = { body: { dataset: {} } };
  let now_ms = 0;
  let timers: (() => void)[] = [];
  let alive = () => {};
  const spies = [
    spyOn(globalThis, "setInterval").mockImplementation(((run: () => void) => {
      alive = run;
    }) as never),
    spyOn(surroundings, "now").mockImplementation(() => now_ms),
    spyOn(surroundings, "after").mockImplementation((_, run) => {
      timers.push(run);
      return () => {
        timers = timers.filter((one) => one !== run);
      };
    }),
  ];
  const asked = spyOn(surroundings, "fetch").mockImplementation(() => new Promise(() => {}));
  const run = () => {
    for (const timer of timers.splice(0)) timer();
  };
  const lostFor3Minutes = () => {
    for (let second = 0; second < 200; second++) {
      now_ms += 1_000;
      run();
    }
  };
  try {
    const line = browserLine(() => {});
    line.watch({ events: "/events", key: "BTC-USD/1m", how: "all" });
    lostFor3Minutes();
    asked.mockClear();
    run();
    expect(asked).toHaveBeenCalledTimes(0);
    await started(() => alive());
    run();
    expect(asked).toHaveBeenCalledTimes(1);
    line.bye();
    alive();
    run();
    expect(asked).toHaveBeenCalledTimes(1);
  } finally {
    for (const spy of [...spies, asked]) spy.mockRestore();
    scope.document = before;
  }
});

/** The line's program may be loaded first. */
async function started(act: () => void): Promise<void> {
  await Bun.sleep(0);
  act();
}
