/** A preload (BUN_OPTIONS=--preload=FILE): the machine's clock jumps an hour back and forth every few milliseconds, as no real one would. */
const HOUR_MS = 3_600_000;
const { timeOrigin } = performance;
const now = Date.now;
let jump_ms = HOUR_MS;
setInterval(() => {
  jump_ms = -jump_ms;
}, 7).unref();
Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin + jump_ms });
Date.now = () => now() + jump_ms;
