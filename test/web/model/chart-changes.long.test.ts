/** A page that applies each change has what a new page gets, after every step of both pipelines. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { Bar, Cell, ChartAnswer, StreamBar } from "../../../scripts/contract/page-events.ts";
import { batchChanges, chartAnswer, spanOfRange, streamBarsSince } from "../../../web/model/chart.ts";
import type { Selection } from "../../../web/model/selection.ts";
import { Sources } from "../../../web/model/sources.ts";
import { batch, someMetrics } from "../../support/batch.ts";
import { copyOf, follow, ROOT, recordedLines, sqlite, tempDir } from "../../support/data.ts";

setDefaultTimeout(120_000);

/** Those that the chart draws. */
const metrics = someMetrics("reconciliation", "windows_by_minute");
afterAll(() => metrics[Symbol.dispose]());
const runBatch = async (data: string) => expect((await batch(data, ["--sql", metrics.path])).code).toBe(0);
const oneRun = () =>
  copyOf("chart-changes", async (data) => {
    await follow(data, recordedLines().slice(0, 600));
    await runBatch(data);
  });

const DISORDERED = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");
const NO_LOG = { name: "", last: { spans: null, asked_us: null, error: null, away_us: null } } as never;
const MINUTE = 60_000_000;
const SELECTIONS: Selection[] = [
  { product: "BTC-USD", size: { us: MINUTE, name: "1m" } },
  { product: "BTC-USD", size: { us: 5 * MINUTE, name: "5m", from_us: MINUTE } },
  { product: "BTC-USD", size: { us: 60 * MINUTE, name: "1h", from_us: MINUTE } },
];

/** What an open page keeps, by start. */
interface Page {
  change_id: number;
  run_id: number;
  stream: Map<number, StreamBar>;
  batch: Map<number, Bar>;
  cells: Map<number, Cell>;
}

const byStart = <T extends [number, ...unknown[]]>(all: readonly T[]) => new Map(all.map((one) => [one[0], one]));
const inOrder = <T>(all: Map<number, T>) => [...all].sort(([a], [b]) => a - b).map(([, one]) => one);
const answerOf = (sources: Sources, selection: Selection) =>
  chartAnswer(sources, selection, spanOfRange(sources, selection, "all"));
const changeOf = ({ id }: ChartAnswer) => Number(id.split(".")[1]);

function opened(answer: ChartAnswer): Page {
  const { stream, batch, cells, run_id } = answer;
  return { change_id: changeOf(answer), run_id, stream: byStart(stream), batch: byStart(batch), cells: byStart(cells) };
}

/** Applies what is sent; false: the page has to load again. */
function apply(page: Page, sources: Sources, selection: Selection): boolean {
  const bars = streamBarsSince(sources, selection, page.change_id);
  const changes = batchChanges(sources, selection, page.run_id);
  if (bars === null || changes?.reload) return false;
  for (const bar of bars) {
    page.stream.set(bar[0], bar);
    const outcome = page.cells.get(bar[0])?.[1] ?? "open";
    // A window that closes waits for a run.
    if (outcome === "open") page.cells.set(bar[0], [bar[0], bar[8] === 0 ? "open" : "pending", 0]);
  }
  for (const bar of changes?.batch ?? []) page.batch.set(bar[0], bar);
  for (const cell of changes?.cells ?? []) page.cells.set(cell[0], cell);
  page.run_id = changes?.run[0] ?? page.run_id;
  page.change_id = sources.windows.counters().change_id ?? 0;
  return true;
}

test("after each step of the stream and each run", async () => {
  using data = tempDir();
  const sources = new Sources(dataPaths(data.path), NO_LOG);
  const lines = recordedLines(DISORDERED);
  const pages = new Map<Selection, Page>();
  let applied = 0;
  const check = () => {
    const fresh = new Sources(dataPaths(data.path), NO_LOG);
    for (const selection of SELECTIONS) {
      const answer = answerOf(fresh, selection);
      // What is kept of closed windows is what the file has.
      expect(answerOf(sources, selection)).toEqual(answer);
      const page = pages.get(selection);
      const isApplied = page !== undefined && apply(page, sources, selection);
      if (!isApplied) pages.set(selection, opened(answer));
      else {
        applied++;
        const { stream, batch, cells, run_id } = page;
        expect([selection.size.name, inOrder(stream)]).toEqual([selection.size.name, answer.stream]);
        expect([selection.size.name, inOrder(batch)]).toEqual([selection.size.name, answer.batch]);
        expect([selection.size.name, inOrder(cells)]).toEqual([selection.size.name, answer.cells]);
        expect(run_id).toBe(answer.run_id);
      }
    }
    fresh.close();
  };
  check();
  const steps = [900, 2_400, 2_500, 6_000, 6_003, lines.length];
  for (const [i, end] of steps.entries()) {
    const next = lines.slice(steps[i - 1] ?? 0, end);
    await follow(data.path, next, i % 3 === 1 ? ["stream"] : ["stream", "consume"]);
    check();
    if (i % 2 === 0) await runBatch(data.path);
    check();
  }
  const late = sqlite<{ n: number }>(data.path, "windows.db", "SELECT count(*) AS n FROM late_ticks");
  expect(late[0]!.n).toBeGreaterThan(3);
  // Each page but the first ones of each size, and of the first run, was brought up to date.
  expect(applied).toBeGreaterThan(25);
});

test("a page of another file, or of a run that is not known here, loads again; one that has all gets nothing", async () => {
  using data = await oneRun();
  const sources = new Sources(dataPaths(data.path), NO_LOG);
  const [selection] = SELECTIONS;
  const answer = answerOf(sources, selection!);
  expect(streamBarsSince(sources, selection!, changeOf(answer))).toEqual([]);
  expect(batchChanges(sources, selection!, answer.run_id)).toBeNull();
  expect(batchChanges(sources, selection!, 0)).toMatchObject({
    reload: true,
    batch: [],
    cells: [],
    horizon_s: answer.horizon_s,
  });
});

test("after results.db was created again, whose runs begin with 1, a page of a later run loads again", async () => {
  using data = await oneRun();
  const sources = new Sources(dataPaths(data.path), NO_LOG);
  expect(batchChanges(sources, SELECTIONS[0]!, 57)).toMatchObject({
    reload: true,
    run: [1, expect.any(Number), expect.any(Number)],
  });
});

test("more changes than can be listed are a reload", async () => {
  using data = tempDir();
  await follow(data.path, recordedLines(), ["stream"], ["--window", "1s,1m"]);
  const sources = new Sources(dataPaths(data.path), NO_LOG);
  const seconds: Selection = { product: "BTC-USD", size: { us: 1_000_000, name: "1s" } };
  expect(answerOf(sources, seconds).stream.length).toBeGreaterThan(1_000);
  expect(streamBarsSince(sources, seconds, 0)).toBeNull();
  // Of another product too: what changed is counted before it is chosen.
  expect(streamBarsSince(sources, { ...seconds, product: "ETH-USD" }, 0)).toBeNull();
});

test("of a product that is only asked for no run is kept: its page loads again", async () => {
  using data = await oneRun();
  const sources = new Sources(dataPaths(data.path), NO_LOG);
  const NONE = { product: "NONE", size: SELECTIONS[0]!.size };
  const reloads = () => [SELECTIONS[0]!, NONE].map((selection) => batchChanges(sources, selection, 1)?.reload);
  for (const selection of [SELECTIONS[0]!, NONE]) answerOf(sources, selection);
  await runBatch(data.path);
  expect(reloads()).toEqual([false, true]);
  sources.close();
});
