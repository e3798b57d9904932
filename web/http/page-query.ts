/** The page's own query string: what it shows besides product and window size. */
import { isRange, type PageAddress, RANGE_FIRST, RANGES, ZONE_FIRST } from "../../scripts/contract/page-address.ts";
import type { Selection } from "../model/selection.ts";
import { Problem } from "./problem.ts";
import { timeOf } from "./query-string.ts";

type Given = Record<"range" | "from" | "to" | "pause" | "zone" | "view", string | null>;

/** Refuses what our links never have: an unknown range, zone or view, half a span. */
export function pageAddress(given: Given, { product, size }: Selection): PageAddress {
  const { range, from, to, pause, zone, view } = given;
  if (range !== null && !isRange(range)) throw refusal("range", range, `one of ${Object.keys(RANGES).join(", ")}`);
  const [from_us, to_us] = [timeOf("from", from), timeOf("to", to)];
  if ((from_us === null) !== (to_us === null))
    throw new Problem(400, "USAGE", "from and to belong together.", "Pass both or none.");
  if (from_us !== null && to_us !== null && from_us >= to_us) throw refusal("to", to!, "a time after from");
  if (pause !== null && pause !== "0" && pause !== "1") throw refusal("pause", pause, "0 or 1");
  if (zone !== null && !isZone(zone)) throw refusal("zone", zone, "a time zone, for example Europe/Berlin");
  if (view !== null && view !== "wall") throw refusal("view", view, "wall");
  return {
    product,
    window: size.name,
    range: range ?? RANGE_FIRST,
    from,
    to,
    pause: pause === "1",
    zone: zone ?? ZONE_FIRST,
    view,
  };
}

function refusal(name: string, value: string, valid: string): Problem {
  return new Problem(400, "USAGE", `${name} is "${value.slice(0, 40)}", not ${valid}.`);
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }) !== null;
  } catch {
    return false;
  }
}
