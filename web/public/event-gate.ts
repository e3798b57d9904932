/** Lets events pass in their order, or keeps them while it is shut. */

/** After more kept events than this everything is loaded again, which has what they had. */
const KEPT_EVENTS_MAX = 500;

export class EventGate {
  #kept: (() => void)[] = [];
  readonly #isShut: () => boolean;
  readonly #overflow: () => void;

  constructor(isShut: () => boolean, overflow: () => void) {
    this.#isShut = isShut;
    this.#overflow = overflow;
  }

  /** After what is still kept: a load that fails opens the gate without a call of `open`. */
  pass(take: () => void): void {
    this.open();
    if (!this.#isShut()) {
      take();
      return;
    }
    this.#kept.push(take);
    if (this.#kept.length > KEPT_EVENTS_MAX) this.#kept = [this.#overflow];
  }

  /** Takes what was kept, unless it is still shut; what shuts it meanwhile keeps the rest. */
  open(): void {
    while (this.#kept.length > 0 && !this.#isShut()) this.#kept.shift()!();
  }

  clear(): void {
    this.#kept = [];
  }
}
