/** A window's certificate in words. */
import type { WindowDetail } from "../../scripts/contract/window-explained.ts";

type Certificate = Pick<NonNullable<WindowDetail["stream"]>, "missing" | "missing_still" | "unissued">;

/** How many trade ids were never seen, lacking and never issued; `shown` formats a number. */
export function certificateText(of: Certificate, shown: (n: number) => string = String): string {
  const { missing, missing_still, unissued } = of;
  if (missing === 0) return "0: none is missing";
  const before = missing === missing_still ? "" : `${shown(missing)} when it closed, now `;
  return `${before}${shown(missing_still - unissued)} lacking, ${shown(unissued)} never issued (proved)`;
}
