/** One poll that waits for news: until somebody rings, wakes it, or the time is over. */
export class Waiter {
  #awake: (() => void) | null = null;
  #woken = false;

  /** Resolves at the next ring, after `ms`, or at once when woken. News that came before the call must be looked for before the call. */
  wait(ms: number): Promise<void> {
    if (this.#woken) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#awake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#awake = done;
    });
  }

  /** There is something to look at. */
  ring(): void {
    this.#awake?.();
  }

  /** Ends this wait, or the next one when there is none now. */
  wake(): void {
    this.#woken = true;
    this.#awake?.();
  }

  /** Whether `wake` was called since the last look. */
  takeWoken(): boolean {
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }
}
