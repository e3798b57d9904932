/** The figures of the table of measures as text, with the units that their names end with. */
import { expect, test } from "bun:test";
import { MeasureTable } from "../../../web/pages/measure-table.tsx";

/** The texts of one measure's figures. */
function figures(values: Record<string, number>): string[] {
  const side = { values, note: "" };
  const html = String(MeasureTable({ measures: [{ word: "cost", definition: "", stream: side, batch: side }] }));
  const row = html.split('<td class="stream">')[1]!.split("</td>")[0]!;
  return [...row.matchAll(/<span class="figure">(.*?)<\/span>/g)].map(([, text]) => text!.replace(/<[^>]+>/g, ""));
}

test("a figure names its unit once, few bytes are not 0 kB, and thousands are grouped as elsewhere", () => {
  const cost = { read_bytes_per_tick: 101.4, written_bytes_per_tick: 15_400, disk_bytes: 4_300_000, peak_pss_bytes: 0 };
  expect(figures(cost)).toEqual(["101 B read per tick", "15 kB written per tick", "4.3 MB disk", "0 B peak PSS"]);
  expect(figures({ cpu_seconds_per_million_ticks: 12_345.618, produce_cpu_seconds: 1 })).toEqual([
    "12,345.62 CPU seconds per million ticks",
    "1 produce CPU seconds",
  ]);
  expect(figures({ p50_ms: 1.718, peak_rss_bytes: 81_600_000 })).toEqual([
    "1.72 ms p50",
    "81.6 MB peak resident memory",
  ]);
});

test("a measure's spans are rows of one group under its definition; a share above 1 is not shown as all", () => {
  const side = { values: { share: 1.5 }, note: "" };
  const rows = ["completeness, last 5 minutes", "completeness, since start", "agreement"];
  const measures = rows.map((word) => ({ word, definition: `of ${word.split(",")[0]}`, stream: side, batch: side }));
  const html = String(MeasureTable({ measures }));
  const groups = html.split("<caption>").slice(1);
  const heads = groups.map((group) => {
    const [, caption] = /^(.*?)<\/caption>/.exec(group)!;
    return [caption, ...[...group.matchAll(/<th scope="row">(.*?)<\/th>/g)].map(([, text]) => text)];
  });
  expect(heads).toEqual([
    ["<b>completeness</b> <small>of completeness</small>", "last 5 minutes", "since start"],
    ["<b>agreement</b> <small>of agreement</small>", "latest"],
  ]);
  expect([...html.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, text]) => text)).toEqual([
    "How complete is it?",
    "Do they agree?",
  ]);
  expect(html).toContain("<b>150.000 %</b>");
  expect(html).not.toContain("100 %");
});

test("the completeness curve is since start; a share that never came is rounded up, one that came down", () => {
  const side = { values: { at_300_s: 0.999_999, never: 0.000_001 }, note: "" };
  const html = String(
    MeasureTable({ measures: [{ word: "completeness curve", definition: "", stream: side, batch: side }] }),
  );
  expect(html).toContain('<th scope="row">since start</th>');
  expect(figures({ at_300_s: 0.999_999, never: 0.000_001 })).toEqual(["99.999 % after 300 s", "0.001 % never"]);
  expect(figures({ never: 0.000_07 })).toEqual(["0.007 % never"]);
  expect(figures({ never: 0 })).toEqual(["0.000 % never"]);
});
