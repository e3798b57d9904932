/** The energy that the machine's processors have used, where the system reports it (Linux, RAPL). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Microjoules of all processor packages since an unstated moment, of the whole machine; a sentence when it is not available. */
export function energyUj(folder = "/sys/class/powercap"): number | string {
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
