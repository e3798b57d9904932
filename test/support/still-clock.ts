/** This process's clocks in a test's hands: what it measures must not depend on a busy machine. */
import { setSystemTime, spyOn } from "bun:test";

interface StillClock {
  /** Milliseconds as the clock has them. */
  readonly now_ms: number;
  /** Moves it on. */
  pass(ms: number): void;
  /** From then on it is the machine's again. */
  [Symbol.dispose](): void;
}

/** The wall clock is still until the test moves it; timers and the monotonic clock run on. */
export function stillWallClock(): StillClock {
  let now_ms = Date.now();
  const set = () => void setSystemTime(now_ms);
  set();
  return {
    get now_ms() {
      return now_ms;
    },
    pass(ms) {
      now_ms += ms;
      set();
    },
    [Symbol.dispose]: () => void setSystemTime(),
  };
}

/** The monotonic clock is still until the test moves it; timers run on. */
export function stillMonotonicClock(): StillClock {
  let now_ms = performance.now();
  const spy = spyOn(performance, "now").mockImplementation(() => now_ms);
  return {
    get now_ms() {
      return now_ms;
    },
    pass(ms) {
      now_ms += ms;
    },
    [Symbol.dispose]: () => spy.mockRestore(),
  };
}
