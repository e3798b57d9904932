/** Work of which few run at once and few wait for their turn; more is refused. */
import { TidemarkError } from "../../scripts/base/errors.ts";
import { onAbort } from "../../scripts/base/wait.ts";

/** Too much is asked for already: it can be asked again soon. */
export class BusyError extends TidemarkError {}

interface TurnsOptions {
  running_max: number;
  waiting_max: number;
  /** The refusal's sentence, and what its reader can do. */
  busy: string;
  hint: string;
  /** Rejects what was aborted before its turn. */
  stopped: string;
}

export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  #waiting = 0;

  constructor(private readonly options: TurnsOptions) {}

  /** The outcome of `work`. Rejects with BusyError, or with QUERY when `signal` ends the wait. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { running_max, waiting_max, busy, hint, stopped } = this.options;
    if (this.#running.size >= running_max && this.#waiting >= waiting_max) throw new BusyError("QUERY", busy, hint);
    const gone = Promise.withResolvers<void>();
    const forget = onAbort(signal, gone.resolve);
    this.#waiting++;
    while (this.#running.size >= running_max && !signal.aborted)
      await Promise.race([...[...this.#running].map((one) => one.catch(() => null)), gone.promise]);
    this.#waiting--;
    forget();
    if (signal.aborted) throw new TidemarkError("QUERY", stopped);
    const found = work();
    this.#running.add(found);
    return found.finally(() => this.#running.delete(found));
  }
}
