/** Thresholds of a window's flags (docs/replaced-pipeline.md "Derived columns"). */

export const THRESHOLDS = {
  /** price_range above this is High volatility. */
  volatility_range: "50",
  /** total_volume above this is a Spike. */
  volume_spike: "100",
  /** One side ÷ the other above this is Bullish or Bearish; a fraction, to stay in integers. */
  sentiment_numerator: 6,
  sentiment_denominator: 5,
  /** buy_sell_ratio = buys ÷ (sells + this). */
  ratio_epsilon: 0.00001,
} as const;

/** `market_sentiment` of a window with these counts of buys and sells. */
export function sentiment(buys: number, sells: number): "Bullish" | "Bearish" | "Neutral" {
  const { sentiment_numerator: n, sentiment_denominator: d } = THRESHOLDS;
  if (buys * d > sells * n) return "Bullish";
  if (sells * d > buys * n) return "Bearish";
  return "Neutral";
}

/** `buy_sell_ratio` of a window with these counts of buys and sells. */
export function buySellRatio(buys: number, sells: number): number {
  return buys / (sells + THRESHOLDS.ratio_epsilon);
}
