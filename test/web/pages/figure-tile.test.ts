/** What a tile states of two figures whose totals differ. */
import { expect, test } from "bun:test";
import { FigureTile } from "../../../web/pages/figure-tile.tsx";
import { duration } from "../../../web/pages/format.ts";

/** The texts of the completeness tile: the stream's, the batch's, and both together. */
function complete(stream: [ticks: number, lacking: number], batch: [ticks: number, lacking: number]): string[] {
  const figure = ([ticks, lacking]: [number, number]) => ({
    values: { share: ticks / (ticks + lacking), ticks, lacking },
    note: "",
  });
  const measures = [
    { word: "completeness, last 5 minutes", definition: "", stream: figure(stream), batch: figure(batch) },
  ];
  const html = String(FigureTile({ view: { measures, ended: null }, name: "complete" }));
  const smalls = [...html.matchAll(/<small>(of [^<]*)<\/small>/g)].map(([, text]) => text!);
  return [...smalls, /<p class="ratio">([^<]*)</.exec(html)![1]!];
}

test("“both have every tick” is stated of equal totals only: the stream's are those of closed windows", () => {
  expect(complete([900, 0], [900, 0])).toEqual(["of 900", "of 900", "both have every tick"]);
  expect(complete([12_844, 0], [13_197, 0])).toEqual(["of 12,844 closed", "of 13,197", "neither lacks a tick"]);
  expect(complete([2_304, 0], [1_930, 866])).toEqual(["of 2,304 closed", "of 2,796", "stream lacks 0, batch 866"]);
});

test("memory beside a cost is the same measure on both sides, and named", () => {
  const values = { cpu_seconds_per_million_ticks: 5, ticks: 20_000, peak_rss_bytes: 88_200_000 };
  const [stream, batch] = [{ ...values, peak_pss_bytes: 40_000_000 }, values].map((all) => ({ values: all, note: "" }));
  const measures = [{ word: "cost, last 5 minutes", definition: "", stream: stream!, batch: batch! }];
  const html = String(FigureTile({ view: { measures, ended: null }, name: "costly" }));
  expect(html.replaceAll("\u00a0", " ").match(/88.2 MB resident/g)).toHaveLength(2);
});

test("a duration has the unit in which it is short: of a recording of years ago days", () => {
  const ages = [0.4, 61_000, 7e6, 8e6, 1.8e8, 1.0189e11].map(duration);
  expect(ages).toEqual(["0.40 ms", "61.0 s", "116.7 min", "2.2 h", "2.1 d", "1,179 d"]);
});
