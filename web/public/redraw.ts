/** When a chart is drawn again: at the next frame for the reader, less often for what arrives. */

/** What arrives is drawn at most this often: a chart costs 5 ms. */
const LIVE_MS = 500;
/** A drawing that waits for the status, which comes each second, waits no longer than this. */
export const STATUS_LATE_MS = 1_500;

export class Redraw {
  readonly #draw: () => void;
  readonly #views: IntersectionObserver;
  #isInView = true;
  /** Something has arrived that is not drawn. */
  #isDue = false;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawn_ms = Number.NEGATIVE_INFINITY;

  /** While `element` is out of view nothing is drawn for what arrives. */
  constructor(
    draw: () => void,
    element: Element,
    private readonly live_ms = LIVE_MS,
  ) {
    this.#draw = draw;
    this.#views = new IntersectionObserver((entries) => {
      this.#isInView = entries.at(-1)!.isIntersecting;
      if (this.#isInView && this.#isDue) this.now();
    });
    this.#views.observe(element);
  }

  /** At the next frame; a hidden page has none, and is drawn when it is shown. */
  now(): void {
    this.#cancel();
    this.#frame = requestAnimationFrame((at_ms) => {
      this.#drawn_ms = at_ms;
      this.#isDue = false;
      this.#draw();
    });
  }

  /** What has arrived is drawn now. */
  arrived(): void {
    if (this.#isDue && this.#isInView) this.now();
  }

  soon(): void {
    this.#isDue = true;
    if (this.#timer !== undefined || !this.#isInView) return;
    const wait_ms = this.#drawn_ms + this.live_ms - performance.now();
    if (wait_ms <= 0) this.now();
    else this.#timer = setTimeout(() => this.now(), wait_ms);
  }

  end(): void {
    this.#cancel();
    this.#views.disconnect();
  }

  #cancel(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
