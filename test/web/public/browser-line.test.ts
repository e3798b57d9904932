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
    const line = intervalsOf(
      (run) => {
        alive = run;
      },
      () => browserLine(() => {}),
    );
    line.watch({ events: "/events", key: "BTC-USD/1m", how: "all" });
    await loaded();
    lostFor3Minutes();
    asked.mockClear();
    run();
    expect(asked).toHaveBeenCalledTimes(0);
    alive();
    await loaded();
    run();
    expect(asked).toHaveBeenCalledTimes(1);
    line.bye();
    alive();
    await loaded();
    run();
    expect(asked).toHaveBeenCalledTimes(1);
  } finally {
    for (const spy of [...spies, asked]) spy.mockRestore();
    scope.document = before;
  }
});

/** Takes the intervals that `begin` sets, and no other's: what runs in this process later has its own. */
function intervalsOf<T>(take: (run: () => void) => void, begin: () => T): T {
  const spy = spyOn(globalThis, "setInterval").mockImplementation(take as never);
  try {
    return begin();
  } finally {
    spy.mockRestore();
  }
}

/** A tab's line is a program of its own, which is loaded first. */
async function loaded(): Promise<void> {
  await import("../../../web/public/event-line.ts");
  await Bun.sleep(0);
}
