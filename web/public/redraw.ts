/** When a chart is drawn again: at the next frame for the reader, less often for what arrives. */

/** What arrives is drawn at most this often: a chart costs 5 ms. */
const LIVE_MS = 500;

export class Redraw {
  readonly #draw: () => void;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawn_ms = Number.NEGATIVE_INFINITY;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  /** At the next frame; a hidden page has none, and is drawn when it is shown. */
  now(): void {
    this.end();
    this.#frame = requestAnimationFrame((at_ms) => {
      this.#drawn_ms = at_ms;
      this.#draw();
    });
  }

  soon(): void {
    if (this.#timer !== undefined) return;
    const wait_ms = this.#drawn_ms + LIVE_MS - performance.now();
    if (wait_ms <= 0) this.now();
    else this.#timer = setTimeout(() => this.now(), wait_ms);
  }

  end(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
