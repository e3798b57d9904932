/** The reference's flags and their thresholds: one place for stream and batch (reference.md "derived"). */
export const THRESHOLDS = {
  /** price_range above this is High volatility. */
  volatility_range: "50",
  /** total_volume above this is a Spike. */
  volume_spike: "100",
  /** One side over the other by more than this is Bullish or Bearish; as a fraction, to stay in integers. */
  sentiment_numerator: 6,
  sentiment_denominator: 5,
  /** buy_sell_ratio = buys ÷ (sells + this). */
  ratio_epsilon: 0.00001,
} as const;

export function sentiment(buys: number, sells: number): "Bullish" | "Bearish" | "Neutral" {
  const { sentiment_numerator: n, sentiment_denominator: d } = THRESHOLDS;
  if (buys * d > sells * n) return "Bullish";
  if (sells * d > buys * n) return "Bearish";
  return "Neutral";
}

export function buySellRatio(buys: number, sells: number): number {
  return buys / (sells + THRESHOLDS.ratio_epsilon);
}
