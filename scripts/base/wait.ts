/** Waiting: for a time, for a signal, and for an answer that may never come. */

/** Resolves after `ms` milliseconds, or at the signal if it comes first (at once if it came before). Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const forget = signal ? onAbort(signal, resolve) : () => {};
  await promise;
  clearTimeout(timer);
  forget();
}

/** Resolves at the signal; at once if it came before. For a wait that a loop repeats use `pause`, which removes its listener. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}

/** Calls `act` once at the signal; at once if it came before. Returns a function that removes the listener. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  // The event itself must not reach `act`, which may have parameters of its own.
  const listener = () => act();
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** The promise's outcome; rejects with `late()` if it has none after `ms` milliseconds. The work itself is not stopped. */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(late()), ms);
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
