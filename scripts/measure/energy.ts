/** The energy that the machine's processors use, where the system reports it (Linux, RAPL). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "../base/clock.ts";

const FOLDER = "/sys/class/powercap";

/**
 * Microjoules of all processor packages since an unstated moment; a sentence when they are not
 * available.
 */
export function energyUj(folder = FOLDER): number | string {
  let packages: string[] = [];
  try {
    // intel-rapl:0 is a package; intel-rapl:0:0 is a part of it.
    packages = readdirSync(folder).filter((name) => /^intel-rapl:\d+$/.test(name));
    if (packages.length === 0) return `not available: ${folder} lists no processor package`;
    const values = packages.map((name) => Number(readFileSync(join(folder, name, "energy_uj"), "utf8")));
    return values.reduce((sum, value) => sum + value, 0);
  } catch {
    return packages.length === 0
      ? `not available: this system has no ${folder}`
      : `not available: the energy counters in ${folder} can't be read by this user`;
  }
}

/** Mean power of the whole machine's processors since the meter was made. */
export class EnergyMeter {
  readonly #first: number | string;
  readonly #began_ms = monotonicMs();

  constructor(private readonly folder = FOLDER) {
    this.#first = energyUj(folder);
  }

  /** Watts, of no pipeline alone; a sentence when they are not available. */
  watts(): number | string {
    const now = energyUj(this.folder);
    if (typeof now === "string" || typeof this.#first === "string")
      return String(typeof now === "string" ? now : this.#first);
    const seconds = (monotonicMs() - this.#began_ms) / 1000;
    // The counters begin again at 0 when they are full.
    return now < this.#first ? "not available: a counter began again" : (now - this.#first) / 1e6 / seconds;
  }
}
