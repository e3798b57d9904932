/** `backfill` in this process, with an exchange of numbered trades, and what it left in the log. */
import { dataPaths, openDataDir } from "../../scripts/base/data-dir.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { openLog } from "../../scripts/log/open.ts";
import { Backfill } from "../../scripts/stages/backfill.ts";
import { BackfillProgress } from "../../scripts/stages/backfill-progress.ts";
import { walkState } from "../../scripts/stages/walk-state.ts";
import { quiet } from "./data.ts";
import { tick } from "./feed.ts";

/** Trade n of the exchange is made n seconds after this. */
export const BEGIN_US = Date.UTC(2026, 9, 1) * 1_000;
export const timeOf = (id: number) => isoFromUs(BEGIN_US + id * 1_000_000);
export const trade = (trade_id: number) => ({
  trade_id,
  side: "sell",
  size: "0.5",
  price: "100.25",
  time: timeOf(trade_id),
});
/** As the feed sends it. */
export const fed = (trade_id: number) =>
  JSON.stringify(tick(trade_id, { time: timeOf(trade_id), price: "100.25", last_size: "0.5" }));

interface Answering {
  newest?: number;
  page_max?: number;
  lacks?: number[];
  /** In place of the n-th answer, from 1. */
  instead?(n: number): Response | undefined;
}

/** An exchange with the trades 1 to `newest`. */
export function exchange({ newest = 60, page_max = 1_000, lacks = [], instead = () => undefined }: Answering = {}) {
  const asked: { after: number | null; limit: number }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const query = new URL(request.url).searchParams;
      const after = query.has("after") ? Number(query.get("after")) : null;
      asked.push({ after, limit: Number(query.get("limit")) });
      const scripted = instead(asked.length);
      if (scripted) return scripted;
      const ids = Array.from({ length: Math.max(0, Math.min(newest, (after ?? newest + 1) - 1)) }, (_, i) => i + 1);
      const known = ids.reverse().filter((id) => !lacks.includes(id));
      return Response.json(known.slice(0, Math.min(page_max, asked.at(-1)!.limit)).map(trade));
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, [Symbol.asyncDispose]: () => server.stop(true) };
}

interface Wanted {
  trades?: number;
  from_us?: number;
  signal?: AbortSignal;
  product?: string;
}

/** One run over a data directory; `error`: how it failed. */
export async function backfill(
  data: string,
  rest_url: string,
  { trades, from_us, signal, product = "BTC-USD" }: Wanted,
) {
  const paths = openDataDir(data);
  const log = await openLog("embedded:", paths, { role: "writer", logger: quiet });
  const progress = new BackfillProgress(() => {}, false);
  const limits = { trades: trades ?? null, from_us: from_us ?? null };
  const stage = new Backfill({ ...limits, products: [product], rest_url, retry_ms: 1, logger: quiet, progress });
  let error: TidemarkError | null = null;
  try {
    await stage.run(log, await walkState(log, paths, [product]), signal ?? new AbortController().signal);
  } catch (thrown) {
    if (!(thrown instanceof TidemarkError)) throw thrown;
    error = thrown;
  }
  await log.close();
  return { ...stage.products[0]!, error };
}

/** Records of the log that contain a text, in order. */
async function recordsIn(data: string, has: string): Promise<string[]> {
  const log = await openLog("embedded:", dataPaths(data), { role: "reader", logger: quiet });
  const texts: string[] = [];
  for await (const batch of log.readLast(100_000))
    for (let i = 0; i < batch.count; i++)
      texts.push(Buffer.from(batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!)).toString());
  await log.close();
  return texts.filter((text) => text.includes(has));
}

/** Ids of history in the log. */
export async function idsIn(data: string): Promise<number[]> {
  const trades = (await recordsIn(data, '"trade_id":')).filter((text) => text.includes('"source":"backfill"'));
  return trades.map((text) => Number(/"trade_id":(\d+)/.exec(text)![1]));
}

/** Ids that the log has as never issued. */
export async function proofsIn(data: string): Promise<string[]> {
  const proofs = (await recordsIn(data, "tidemark_unissued")).map((text) => JSON.parse(text));
  return proofs.map(({ first_trade_id, last_trade_id }) => `${first_trade_id}-${last_trade_id}`);
}

/** 9, 8, … 3 of (9, 3). */
export const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);
