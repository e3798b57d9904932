/** The page's own query string: what it shows besides product and window size. */
import { type PageAddress, ZONE_FIRST } from "../../scripts/contract/page-address.ts";
import type { Selection } from "../model/selection.ts";
import { Problem } from "./problem.ts";
import { rangeOf, timeOf, valueOfParameter } from "./query-string.ts";

type Given = Record<"range" | "from" | "to" | "pause" | "zone" | "view", string | null>;

/** Refuses what our links never have: an unknown range, zone or view, half a span. */
export function pageAddress(given: Given, { product, size }: Selection): PageAddress {
  const { from, to } = given;
  const [from_us, to_us] = [timeOf("from", from), timeOf("to", to)];
  if ((from_us === null) !== (to_us === null))
    throw new Problem(400, "USAGE", "from and to belong together.", "Pass both or none.");
  if (from_us !== null && to_us !== null && from_us >= to_us)
    throw new Problem(400, "USAGE", `to is "${to!.slice(0, 40)}", not a time after from.`);
  return {
    product,
    window: size.name,
    range: rangeOf(given.range),
    from,
    to,
    pause: valueOfParameter("pause", given.pause) === "1",
    zone: valueOfParameter("zone", given.zone) ?? ZONE_FIRST,
    view: valueOfParameter("view", given.view),
  };
}
