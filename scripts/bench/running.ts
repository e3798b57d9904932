/** Our commands as the bench runs them: whole processes, their output, their CPU time. */
import { join, resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { spawnScript } from "../base/process.ts";

const SCRIPTS = resolve(import.meta.dir, "..");

export interface Running {
  pid: number;
  /** The first line of its standard output: a server's address. */
  firstLine: Promise<string>;
  /** Its output when it has ended; CHILD_FAILED, with its error, when it failed. */
  done: Promise<Printed>;
  /** Sends SIGTERM and returns `done`. */
  stop(): Promise<Printed>;
}

interface Printed {
  /** Its whole standard output. */
  out: string;
  /** CPU time of all its threads. */
  cpu_s: number;
}

/** Starts a file of `scripts/`. */
export function startScript(file: string, args: string[]): Running {
  const child = spawnScript(join(SCRIPTS, file), args, { stdout: "pipe", stderr: "keep" });
  const first = Promise.withResolvers<string>();
  const printed = async () => {
    const decoder = new TextDecoder();
    let out = "";
    for await (const chunk of child.stdout) {
      out += decoder.decode(chunk, { stream: true });
      if (out.includes("\n")) first.resolve(out.slice(0, out.indexOf("\n")));
    }
    const { code, signal, stderr, cpu_s } = await child.ended;
    const failed = () => {
      const why = errorIn(stderr) || `it ended with ${signal ?? `status ${code}`}`;
      return new TidemarkError("CHILD_FAILED", `${file} ${args.join(" ")} failed: ${why}`);
    };
    first.reject(failed());
    if (code !== 0) throw failed();
    return { out, cpu_s };
  };
  const done = printed();
  for (const promise of [first.promise, done]) promise.catch(() => {});
  return {
    pid: child.pid,
    firstLine: first.promise,
    done,
    stop: () => {
      child.kill("SIGTERM");
      return done;
    },
  };
}

/** The error line of a command's stderr; without one, the last line. */
function errorIn(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.findLast((line) => line.startsWith("error: ")) ?? lines.at(-1)!;
}
