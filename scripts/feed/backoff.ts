/** The wait before the next connect: exponential with a cap and full jitter; a new trade resets it. */
import { CONNECT_GAP_MS_MIN, RECONNECT_BASE_MS, RECONNECT_CAP_MS } from "../base/limits.ts";

export interface BackoffOptions {
  base_ms: number;
  cap_ms: number;
  /** Never less than this, for any jitter. */
  gap_ms: number;
  /** From 0 to 1. */
  random(): number;
}

const DEFAULTS: BackoffOptions = {
  base_ms: RECONNECT_BASE_MS,
  cap_ms: RECONNECT_CAP_MS,
  gap_ms: CONNECT_GAP_MS_MIN,
  random: Math.random,
};

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: Partial<BackoffOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Milliseconds to wait before the next connect. */
  next(): number {
    const { base_ms, cap_ms, gap_ms, random } = this.#options;
    const ceiling_ms = Math.min(cap_ms, base_ms * 2 ** this.#failures++);
    return Math.max(gap_ms, Math.round(random() * ceiling_ms));
  }

  reset(): void {
    this.#failures = 0;
  }
}
