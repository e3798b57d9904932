/** When a command ends early: at SIGINT or SIGTERM, or when the process that started it has ended. */
import { monotonicMs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { PARENT_VARIABLE } from "../base/process.ts";

/**
 * npm and `bun run` pass Ctrl-C on although the terminal has sent it already: signals within this time
 * are one.
 */
const SAME_SIGNAL_MS = 1_000;
const PARENT_POLL_MS = 1_000;

/**
 * A signal that is aborted when the command must drain and end. A second SIGINT or SIGTERM ends the
 * process with 130.
 */
export function drainSignal(logger: Logger): AbortSignal {
  const controller = new AbortController();
  let first_ms = 0;
  const drain = (why: string) => {
    if (controller.signal.aborted) {
      if (monotonicMs() - first_ms > SAME_SIGNAL_MS) process.exit(130);
      return;
    }
    first_ms = monotonicMs();
    logger.debug(`${why}: draining`);
    controller.abort();
  };
  process.on("SIGTERM", () => drain("SIGTERM"));
  if (process.env[PARENT_VARIABLE] === undefined) {
    process.on("SIGINT", () => drain("SIGINT"));
    if (process.env.npm_lifecycle_event !== undefined) watchParent(() => drain("npm has ended"));
    return controller.signal;
  }
  // A child of ours leaves Ctrl-C to its parent, and drains when its lifeline ends (base/process.ts).
  process.on("SIGINT", () => {});
  const atEnd = () => controller.signal.aborted || drain("the parent has ended");
  process.stdin.on("end", atEnd);
  process.stdin.on("error", atEnd);
  process.stdin.resume();
  return controller.signal;
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
