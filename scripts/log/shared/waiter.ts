/** Lets one poll wait for records: until a ring, a wake, or the end of its time. */
export class Waiter {
  #awake: ((rung: boolean) => void) | null = null;
  #woken = false;

  /**
   * Resolves with true at the next ring or wake, with false after `ms`. Check for records before
   * the call: an earlier ring does not count.
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

  /** There may be records. */
  ring(): void {
    this.#awake?.(true);
  }

  /** Ends this wait, or the next one if none is running. */
  wake(): void {
    this.#woken = true;
    this.#awake?.(true);
  }

  /** True if `wake` was called since the last call of this. */
  takeWoken(): boolean {
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }
}
