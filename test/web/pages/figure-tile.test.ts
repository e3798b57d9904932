/** What a tile states of two figures whose totals differ. */
import { expect, test } from "bun:test";
import { FigureTile } from "../../../web/pages/figure-tile.tsx";

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
