/** What the page proposes to type exists: each command, and each of its flags. */
import { expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { PageAddress } from "../../../scripts/contract/page-address.ts";
import { placeOf } from "../../../web/model/place.ts";
import { Ending } from "../../../web/pages/ending.tsx";
import { TryThis } from "../../../web/pages/try-this.tsx";
import { specs } from "../../support/commands-doc.ts";

const ADDRESS: PageAddress = {
  product: "ETH-USD",
  window: "5m",
  range: "1h",
  from: null,
  to: null,
  pause: false,
  zone: "UTC",
  view: null,
};
const trials = (data: string) =>
  String(TryThis({ view: { place: placeOf({ paths: dataPaths(data), again: null }) }, address: ADDRESS }));

test("a link shows the first screen alone, of the same product and size", () => {
  expect(trials("data")).toContain('href="/?product=ETH-USD&amp;window=5m&amp;view=wall"');
});

test("each command that the page proposes exists with its flags", async () => {
  const flagsOf = new Map(
    (await specs()).map(({ name, flags }) => [name, flags.map(({ flags }) => flags.split(" ")[0]!)]),
  );
  for (const data of ["data", "data/replay", "/srv/my data"]) {
    const html = trials(data);
    const commands = [...html.matchAll(/bun run (\w+) ?([^<\n]*)/g)].map(([, name, rest]) => ({
      name: name!,
      rest: rest!,
    }));
    expect(commands.length).toBeGreaterThan(3);
    for (const { name, rest } of commands) {
      const flags = rest.match(/(?<=^| )--[a-z][a-z-]*/g) ?? [];
      expect([name, flagsOf.has(name), flags.filter((flag) => !flagsOf.get(name)?.includes(flag))]).toEqual([
        name,
        true,
        [],
      ]);
    }
  }
});

test("commands name the page's own data directory, and a second path leaves its port alone", () => {
  const commands = (data: string) => trials(data).replaceAll("&#39;", "'");
  expect(commands("data")).toContain("bun run lateness --want");
  expect(commands("/srv/mine")).toContain("bun run explain --data /srv/mine BTC-USD@");
  expect(commands("/srv/my data")).toContain("bun run drill --data '/srv/my data' --rounds");
  // Not by a name, which other streams of the machine have too.
  expect(commands("/srv/my data")).toContain(`kill -STOP &quot;$(cat '/srv/my data'/locks/stream.pid)&quot;`);
  expect(commands("data")).toMatch(/start --replay \S+ --data late --port 0</);
});

test("the end names what `start` was typed with; without a `start` no command", () => {
  const text = (again: string | null) =>
    String(
      Ending({
        view: { ended: "2026-01-01T00:00:00Z", status: { mode: "replay" }, place: { data_flag: "", again } } as never,
      }),
    )
      .replace(/<[^>]+>/g, "")
      .replace(/\s+/g, " ");
  const again = "bun run start --replay --data mine --port 9000 --speed 100 --again";
  expect(text(again)).toBe(`The recording has ended. Once more: ${again}, or --loop instead of --again.`);
  expect(text(null)).toBe("The recording has ended.");
});
