/** A candle as the exchange publishes it: numbers as plain decimal text, never rounded. */

export const CANDLE_COLUMNS = ["low", "high", "open", "close", "volume"] as const;
export type CandleColumn = (typeof CANDLE_COLUMNS)[number];

/** Prices and volume are the digits that were sent, without an exponent and without trailing zeros. */
export type Candle = Record<CandleColumn, string> & {
  /** Beginning of its minute, microseconds since 1970 UTC. */
  start_us: number;
};

/** The size of the candles that are compared. */
export const CANDLE_US = 60_000_000;
/** Candles per request, at most (docs/feed.md "REST candles"). */
export const CANDLES_MAX = 300;
