/** What the page proposes to type exists: each command, and each of its flags. */
import { expect, test } from "bun:test";
import type { PageAddress } from "../../../scripts/contract/page-address.ts";
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
const htmlOf = (mode: "live" | "replay") => String(TryThis({ view: { status: { mode } }, address: ADDRESS } as never));

test("a link shows the first screen alone, of the same product and size", () => {
  expect(htmlOf("live")).toContain('href="/?product=ETH-USD&amp;window=5m&amp;view=wall"');
});

test("each command that the page proposes exists with its flags", async () => {
  const flagsOf = new Map(
    (await specs()).map(({ name, flags }) => [name, flags.map(({ flags }) => flags.split(" ")[0]!)]),
  );
  for (const mode of ["live", "replay"] as const) {
    const html = htmlOf(mode);
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
