/** The tests' one way to wait for something. */

type Nothing = false | null | undefined;

interface Wait {
  /** Longer than any machine needs: it is no measurement. */
  ms?: number;
  every_ms?: number;
  /** What to show beside the failure. */
  said?: () => string;
}

/** Looks again until something true comes, and gives that; fails with `what` when it never does. */
export async function until<T>(
  what: string,
  look: () => T | Nothing | Promise<T | Nothing>,
  { ms = 60_000, every_ms = 20, said = () => "" }: Wait = {},
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms / 1_000} s\n${said()}`);
    await Bun.sleep(every_ms);
  }
}
