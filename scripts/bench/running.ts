/** Commands that run on beside a measurement, until they are told to stop. */
import { join, resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { complaint, cpuSeconds } from "./stage.ts";

const SCRIPTS = resolve(import.meta.dir, "..");

export interface Running {
  pid: number;
  /** The first line of its standard output: an address. */
  firstLine: Promise<string>;
  /** SIGTERM; gives what it printed by its end. */
  stop(): Promise<string>;
  /** What it printed by an end of its own; CHILD_FAILED when it failed. */
  done: Promise<string>;
  /** CPU time of all its threads, once it has ended. */
  cpuSeconds(): number;
}

/** Starts a file of `scripts/`. */
export function startScript(file: string, args: string[]): Running {
  const child = Bun.spawn([process.execPath, join(SCRIPTS, file), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const first = Promise.withResolvers<string>();
  const said = new Response(child.stderr).text();
  const done = (async () => {
    const decoder = new TextDecoder();
    let out = "";
    for await (const chunk of child.stdout) {
      out += decoder.decode(chunk, { stream: true });
      if (out.includes("\n")) first.resolve(out.slice(0, out.indexOf("\n")));
    }
    const ended = new TidemarkError("CHILD_FAILED", `${file} ${args.join(" ")} ended: ${complaint(await said)}`);
    first.reject(ended);
    if ((await child.exited) !== 0) throw ended;
    return out;
  })();
  for (const promise of [first.promise, done]) promise.catch(() => {});
  return {
    pid: child.pid,
    firstLine: first.promise,
    done,
    cpuSeconds: () => cpuSeconds(child),
    stop: () => {
      child.kill("SIGTERM");
      return done;
    },
  };
}
