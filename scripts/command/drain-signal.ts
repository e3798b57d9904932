/** When a command ends early: at SIGINT or SIGTERM, or when the process that started it has ended. */
import type { Logger } from "../base/logger.ts";
import { PARENT_VARIABLE } from "../base/process.ts";

/**
 * npm and `bun run` pass Ctrl-C on although the terminal has sent it already: signals within this time
 * are one.
 */
const SAME_SIGNAL_MS = 1_000;
/** After it, what came while the process stood still has been taken. */
const TURN_MS = 50;
const PARENT_POLL_MS = 1_000;

/**
 * A signal that is aborted when the command must drain and end. A second SIGINT or SIGTERM ends the
 * process with 130.
 */
export function drainSignal(logger: Logger): AbortSignal {
  const controller = new AbortController();
  let isNextSecond = false;
  const drain = (why: string) => {
    if (controller.signal.aborted) return;
    logger.debug(`${why}: draining`);
    controller.abort();
    afterTurn(SAME_SIGNAL_MS, () => (isNextSecond = true));
  };
  const take = (signal: string) => {
    if (isNextSecond) process.exit(130);
    drain(signal);
  };
  process.on("SIGTERM", () => take("SIGTERM"));
  if (process.env[PARENT_VARIABLE] === undefined) {
    process.on("SIGINT", () => take("SIGINT"));
    if (process.env.npm_lifecycle_event !== undefined) watchParent(() => drain("npm has ended"));
    return controller.signal;
  }
  // A child of ours leaves Ctrl-C to its parent, and drains when its lifeline ends (base/process.ts).
  process.on("SIGINT", () => {});
  const atEnd = () => drain("the parent has ended");
  process.stdin.on("end", atEnd);
  process.stdin.on("error", atEnd);
  process.stdin.resume();
  return controller.signal;
}

/**
 * Calls `then` after `ms` of a process that runs: after a pause of the process, signals that came
 * meanwhile are taken first.
 */
function afterTurn(ms: number, then: () => void): void {
  setTimeout(() => setTimeout(then, TURN_MS).unref(), ms).unref();
}

/** npm killed by SIGKILL passes no signal on, and its command must not continue unseen. */
function watchParent(onGone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  timer.unref();
}
