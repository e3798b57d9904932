/** The first screen's words while there is little to show, and after the feed's end; without a browser. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Problems } from "../../../web/pages/problem-list.tsx";
import { ROOT, recordedLines } from "../../support/data.ts";
import { served } from "../../support/served.ts";

/** The page's text by element id, without tags. */
async function pageOf(url: string): Promise<(id: string) => string> {
  const html = await (await fetch(url)).text();
  return (id) => {
    const begin = html.indexOf(`id="${id}"`);
    const [end = 0] = ["</section>", "</article>", "</p>"]
      .map((tag) => html.indexOf(tag, begin))
      .filter((at) => at > 0);
    return html
      .slice(html.indexOf(">", begin) + 1, end)
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ")
      .trim();
  };
}

test("first minute: the verdict names the window, its close, and what comes then; nothing counts zeros", async () => {
  await using server = await served(recordedLines().slice(0, 150));
  const text = await pageOf(server.url);
  expect(text("verdict")).toContain("16:00 closes at 16:02:00; then both are compared");
  expect(text("verdict")).not.toMatch(/\b0\b|pending/);
  expect(text("tile-agree")).toContain("no closed window is compared yet");
  expect(text("windows")).toContain("No window is closed yet.");
  expect(text("differences")).toContain("Nothing is compared yet.");
}, 120_000);

test("no data: each tile has a reason in words, and no figure", async () => {
  await using server = await served([]);
  const text = await pageOf(server.url);
  for (const name of ["soon", "fresh", "complete", "costly"]) {
    expect(text(`tile-${name}`)).toMatch(/– .*(not run|no finished run)/);
    expect(text(`tile-${name}`)).not.toMatch(/times/);
  }
  expect(text("verdict")).toContain("No window yet");
  expect(text("price-line")).toContain("no trade yet");
}, 120_000);

test("at rest no age is 0: tiles are of the whole run, and say when the feed ended", async () => {
  await using server = await served(recordedLines().slice(0, 1_500));
  const text = await pageOf(server.url);
  expect(text("tile-fresh")).not.toContain("0.00 ms");
  expect(text("tile-costly")).toMatch(/1,500 ticks so far; shown from 10,000 on|not run/);
  expect(text("tile-costly")).not.toMatch(/\d s\b/);
  // Ticks that the stream has read, and those of the batch's run.
  const html = await (await fetch(server.url)).text();
  const counts = html
    .slice(html.indexOf('id="counts"'))
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
  expect(counts).toContain("1,500 of 1,500");
  expect(counts).toMatch(/trades counted .*?late ones included 1,500 |trades counted 1,500 /);
  expect(text("verdict")).toMatch(/^✓ (As of \d\d:\d\d: )?(\d+) of \2 equal to the last digit; 0 unexplained/);
}, 120_000);

test("every size of type in a style sheet is one of six, and colours are named once", () => {
  const folder = join(ROOT, "web/public");
  const sheets = readdirSync(folder).filter((name) => name.endsWith(".css"));
  expect(existsSync(join(folder, "style.css"))).toBe(true);
  for (const name of sheets) {
    const text = readFileSync(join(folder, name), "utf8");
    const sizes = [...text.matchAll(/font-size: ([^;]+);/g)].map(([, size]) => size!);
    expect([name, sizes.filter((size) => !/^(var\(--size-[1-6]\)|inherit|clamp\(15px.*)$/.test(size))]).toEqual([
      name,
      [],
    ]);
    const rest = text.slice(text.indexOf("/* Plain elements */"));
    expect([name, [...rest.matchAll(/#[0-9a-f]{6}\b/g)].map(([colour]) => colour)]).toEqual([name, []]);
  }
});

test("the bar counts problems and notes as /healthz does, and is marked for what stops the path only", () => {
  const one = (stops: boolean) => {
    return { stage: "stream", code: "x", sentence: stops ? "it stopped" : "it waits", stops, since_us: 0 } as const;
  };
  const bar = (...all: boolean[]) => String(Problems({ problems: all.map(one) }));
  const counts = (html: string) => [
    /<section[^>]*class="problems (stops)?"/.exec(html)?.[1],
    /<b>(.*?)<\/b>/.exec(html)?.[1],
  ];
  expect(counts(bar(false, false, false))).toEqual([undefined, "3 notes"]);
  expect(counts(bar(true))).toEqual(["stops", "1 problem"]);
  expect(counts(bar(true, true, false))).toEqual(["stops", "2 problems, 1 note"]);
  expect(bar()).toContain("hidden");
});
