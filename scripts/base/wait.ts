/** Waiting: for a time, for a signal, and for an answer that may never come. */

/** Resolves after `ms` milliseconds or at the signal, at once if it came before. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const forget = signal ? onAbort(signal, resolve) : () => {};
  await promise;
  clearTimeout(timer);
  forget();
}

const NEVER_CHANGES = new Int32Array(new SharedArrayBuffer(4));

/**
 * Blocks this thread for `ms` milliseconds, fractions included: Bun.sleepSync drops them, so that
 * 0.2 would not wait at all.
 */
export function block(ms: number): void {
  Atomics.wait(NEVER_CHANGES, 0, 0, ms);
}

/** Resolves at the signal, at once if it came before. In a loop use `pause`, which leaves no listener. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}

/** Calls `act` once at the signal, at once if it came before. Returns what removes the listener. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  // The event itself must not reach `act`, which may have parameters of its own.
  const listener = () => act();
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** The outcome of `work`; rejects with `late()` after `ms` milliseconds. The work is not stopped. */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(late()), ms);
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
