/** The style sheet's colours and font as a canvas needs them: resolved for the theme that is shown. */

const known = new Map<string, string>();
let probe: HTMLElement | null = null;

/** The colour of a custom property (`--stream`) in this theme; `alpha` from 0 to 1 thins it. */
export function colour(name: string, alpha = 1): string {
  const key = `${name} ${alpha}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (probe === null) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.documentElement.append(probe);
  }
  // A canvas has no light-dark(), and color-mix() would be resolved again for each stroke.
  probe.style.color =
    alpha === 1 ? `var(${name})` : `color-mix(in srgb, var(${name}) ${Math.round(alpha * 100)}%, transparent)`;
  const resolved = getComputedStyle(probe).color;
  known.set(key, resolved);
  return resolved;
}

/** The theme has changed: colours are resolved again. */
export function forget(): void {
  known.clear();
}

/** The page's font at a size in CSS pixels. */
export function font(px: number, weight = 400): string {
  let family = known.get("family");
  if (family === undefined) {
    family = getComputedStyle(document.body).fontFamily;
    known.set("family", family);
  }
  return `${weight} ${px}px ${family}`;
}

let measuring: CanvasRenderingContext2D | null = null;

/**
 * Width in CSS pixels of a text in the page's font, each digit as wide as a 0: Chromium 156 keeps
 * every text that a canvas out of the page has measured, and ages are ten new ones per second.
 */
export function textWidth(text: string, px: number): number {
  measuring ??= document.createElement("canvas").getContext("2d")!;
  measuring.font = font(px);
  return measuring.measureText(text.replace(/\d/g, "0")).width;
}
