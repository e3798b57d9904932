/** Trades from before the recording, invented from their ids: REST has them, the socket has not. */
import { isoFromUs } from "../base/iso.ts";
import type { Recorded } from "./exchange-frames.ts";
import { moved } from "./player.ts";

/** From one trade to the next on average: 1,000 are 2.8 hours. */
const STEP_US = 10_000_000;

/** The recording with ids high enough for `count` trades with ids from 1 on before its first one. */
export function withRoom(recorded: Recorded[], count: number): Recorded[] {
  const lowest = recorded.reduce((least, { trade_id }) => Math.min(least, trade_id), Number.POSITIVE_INFINITY);
  const by_ids = count + 1 - lowest;
  return by_ids <= 0 ? recorded : recorded.map((trade) => moved(trade, 0, by_ids));
}

export class OlderTrades {
  readonly #firsts = new Map<string, Recorded>();

  /** `count`: trades before the recording's first one of each product. */
  constructor(
    recorded: readonly Recorded[],
    private readonly count: number,
  ) {
    for (const trade of recorded) {
      const known = this.#firsts.get(trade.product_id);
      if (known === undefined || trade.trade_id < known.trade_id) this.#firsts.set(trade.product_id, trade);
    }
  }

  /** Trades with ids below `after`, newest first. */
  *below(product_id: string, after: number): Generator<Recorded> {
    const first = this.#firsts.get(product_id);
    if (first === undefined) return;
    for (let back = Math.max(1, first.trade_id - after + 1); back <= this.count; back++) yield older(first, back);
  }
}

/** The trade that is `back` ids before a product's first one: the same in every run. */
function older(first: Recorded, back: number): Recorded {
  const { product_id } = first;
  const trade_id = first.trade_id - back;
  const dice = mixed(trade_id);
  const time_us = first.time_us - back * STEP_US + (dice % (STEP_US / 2));
  const base = Number((JSON.parse(first.line) as { price: string }).price);
  const price = (base * (1 + Math.sin(trade_id / 700) / 50 + (dice % 1_000) / 1e6)).toFixed(2);
  const last_size = ((1 + (dice % 5_000_000)) / 1e8).toFixed(8);
  const side = dice % 2 === 0 ? "buy" : "sell";
  const time = isoFromUs(time_us);
  const fields = { type: "ticker", sequence: trade_id, product_id, price, side, time, trade_id, last_size };
  return { line: JSON.stringify(fields), product_id, trade_id, time_us };
}

/** 32 bits that look random (the finalizer of MurmurHash3, public domain by Austin Appleby). */
function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
