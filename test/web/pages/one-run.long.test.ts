/** Headline, tile, list and table of one page are of one batch run, also while runs commit. */
import { expect, test } from "bun:test";
import { batch } from "../../support/batch.ts";
import { follow, recordedLines } from "../../support/data.ts";
import { served } from "../../support/served.ts";

const LINES = recordedLines();
/** Each has late ticks of its own. */
const ROUNDS = 2;

/** The numbers of one page: of the headline, of the tile, and of the list of differences. */
function numbersOf(html: string) {
  const text = (id: string, end: string) =>
    html
      .split(`id="${id}"`)[1]!
      .split(end)[0]!
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ");
  const headline = /(\d+) of (\d+) equal to the last digit(?:; (\d+) differs? by exactly)?/;
  const [, equal, compared, explained = "0"] = headline.exec(text("verdict", "</section>")) ?? [];
  const tile = /(\d+) of (\d+) equal .*?(\d+) (?:explained|by \d+ late ticks?)/.exec(text("tile-agree", "</article>"));
  const listed = html.split('id="differences"')[1]!.split("</section>")[0]!;
  return {
    headline: [equal, compared, explained].map(Number),
    tile: tile?.slice(1, 4).map(Number) ?? [],
    listed: (html.match(/<details class="difference explained"/g) ?? []).length,
    sentence: listed.includes(`${equal} of ${compared} equal to the last digit`),
  };
}

test("while batches commit, each page's counts and lists agree", async () => {
  await using server = await served(LINES.slice(0, 1_000));
  const wrong: unknown[] = [];
  const runs = new Set<number>();
  for (let round = 1; round <= ROUNDS; round++) {
    const late = LINES[round * 150]!.replace(/"trade_id":\d+/, `"trade_id":${900_000 + round}`);
    await follow(server.data, [...LINES.slice(round * 1_000, (round + 1) * 1_000), late]);
    let isRunning = true;
    const run = batch(server.data).finally(() => {
      isRunning = false;
    });
    do {
      const found = numbersOf(await (await fetch(`${server.url}/?product=BTC-USD&window=1m`)).text());
      const { headline, tile, listed, sentence } = found;
      const [equal = 0, compared = 0, explained = 0] = headline;
      runs.add(compared);
      const isOne = `${headline}` === `${tile}` && equal + explained === compared && listed === explained && sentence;
      if (!isOne) wrong.push(found);
    } while (isRunning);
    await run;
  }
  expect(wrong).toEqual([]);
  expect(runs.size).toBeGreaterThanOrEqual(ROUNDS);
}, 120_000);
