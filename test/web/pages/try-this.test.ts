/** What the page proposes to type exists: each command, and each of its flags. */
import { expect, test } from "bun:test";
import { TryThis } from "../../../web/pages/try-this.tsx";
import { specs } from "../../support/commands-doc.ts";

test("each command of “Try this” exists with its flags; playing the recording again is the first", async () => {
  const html = String(await TryThis()).replaceAll("&quot;", '"');
  const commands = [...html.matchAll(/(?:bun run|npm) (\w+) ?([^<\n]*)/g)].map(([, name, rest]) => ({
    name,
    rest: rest!,
  }));
  expect(commands.length).toBeGreaterThan(5);
  expect(commands[0]).toEqual({ name: "start", rest: "--replay --again" });
  const known = new Map(
    (await specs()).map(({ name, flags }) => [name, flags.map((flag) => flag.flags.split(" ")[0]!)]),
  );
  for (const { name, rest } of commands) {
    const flags = rest.match(/(?<=^| )--[a-z][a-z-]*/g) ?? [];
    expect([name, known.has(name!), flags.filter((flag) => !known.get(name!)?.includes(flag))]).toEqual([
      name,
      true,
      [],
    ]);
  }
});
