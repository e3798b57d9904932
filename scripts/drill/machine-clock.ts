/** A wall clock that is set under real processes: machine-clock.c, compiled here and loaded into them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../base/process.ts";

/** Why no clock can be set on this machine; null when one can. */
export function noClock(): string | null {
  if (process.platform !== "linux") return "only Linux has LD_PRELOAD";
  return Bun.which("gcc") === null ? "gcc is not installed" : null;
}

export class MachineClock {
  readonly #dir = mkdtempSync(join(tmpdir(), "tidemark-clock-"));
  readonly #file = join(this.#dir, "seconds");
  readonly #library = join(this.#dir, "machine-clock.so");

  /** `seconds`: how far the clock is ahead of the machine's. Throws the compiler's message when it fails. */
  constructor(seconds = 0) {
    const source = join(import.meta.dir, "machine-clock.c");
    const built = runProgram(["gcc", "-shared", "-fPIC", "-O1", "-o", this.#library, source]);
    if (built.code !== 0) throw new Error(built.stderr);
    writeFileSync(this.#file, new Uint8Array(8));
    this.set(seconds);
  }

  /**
   * Sets it at once in all processes that have loaded it. They have mapped the file: it is written in
   * place.
   */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeFileSync(this.#file, bytes, { flag: "r+" });
  }

  /** The environment of the processes that run under it. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.#library, CLOCK_FILE: this.#file, CLOCK_SLEEP: "1" };
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
