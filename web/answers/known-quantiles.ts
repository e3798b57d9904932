/** A summary for Prometheus whose quantiles are computed already; prom-client's computes its own. */
import { Summary } from "prom-client";

type Labels = Record<string, string | number>;

export class KnownQuantiles extends Summary {
  // Without an initial value: prom-client's constructor calls `reset` already.
  declare private known: { metricName: string; labels: Labels; value: number }[];

  constructor(private readonly family: ConstructorParameters<typeof Summary>[0]) {
    super(family);
  }

  /** Notes one quantile (a share as text: `0.99`) of the series with these labels. */
  set(labels: Labels, quantile: string, value: number): void {
    this.known.push({ metricName: this.family.name, labels: { ...labels, quantile }, value });
  }

  override reset(): void {
    this.known = [];
  }

  /** The family with what was set since the last reset; without a sum and a count, which nobody keeps. */
  override async get() {
    return { ...(await super.get()), values: this.known };
  }
}
