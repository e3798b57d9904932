/** One poll that waits for news: until somebody rings, wakes it, or the time is over. */
export class Waiter {
  #awake: ((rung: boolean) => void) | null = null;
  #woken = false;

  /**
   * Resolves with true at the next ring, with false after `ms`, or at once when woken. News that came before the call must be looked for
   * before the call.
   */
  wait(ms: number): Promise<boolean> {
    if (this.#woken) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (rung: boolean) => {
        clearTimeout(timer);
        this.#awake = null;
        resolve(rung);
      };
      const timer = setTimeout(done, ms, false);
      this.#awake = done;
    });
  }

  /** There is something to look at. */
  ring(): void {
    this.#awake?.(true);
  }

  /** Ends this wait, or the next one when there is none now. */
  wake(): void {
    this.#woken = true;
    this.#awake?.(true);
  }

  /** Whether `wake` was called since the last look. */
  takeWoken(): boolean {
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }
}
