/** The ribbon of agreement below the main chart: one cell per window, each a link to its page. */

import type { Outcome } from "../../scripts/contract/page-events.ts";
import { colour, font } from "./chart-colours.ts";
import { make } from "./chart-dom.ts";
import type { Bucket } from "./main-chart-buckets.ts";
import type { groundOf } from "./main-chart-paint.ts";
import { OUTCOMES, outcomeText, spanOf, type WordsOf, windowLink } from "./main-chart-words.ts";
import { keyOf } from "./page-bus.ts";
import { addressUnder } from "./site.ts";

type Ground = ReturnType<typeof groundOf>;

/** CSS pixels from the plot's bottom to the ribbon, and its height. */
export const RIBBON_TOP = 7;
export const RIBBON_HEIGHT = 18;
/** A cell this wide has its sign, or its count. */
const SIGN_WIDTH = 11;

/**
 * Paints the cells. Their shapes differ too: equal is flat and full, explained is tall, differing is
 * tall with a bar through it, pending is an outline, open is dashed.
 */
export function paintRibbon(ground: Ground, buckets: readonly Bucket[]): void {
  const { context, left, top, width, height, ratio } = ground;
  const from = top + height + RIBBON_TOP * ratio;
  context.save();
  context.fillStyle = colour("--muted");
  context.font = font(12 * ratio);
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText("agree?", left - 8 * ratio, from + (RIBBON_HEIGHT / 2) * ratio);
  context.beginPath();
  context.rect(left, from - ratio, width, (RIBBON_HEIGHT + 2) * ratio);
  context.clip();
  for (const bucket of buckets) paintCell(ground, bucket, from);
  context.restore();
}

function paintCell(ground: Ground, bucket: Bucket, top: number): void {
  const { context, ratio, x } = ground;
  const [from, to] = [Math.round(x(bucket.from_s)), Math.round(x(bucket.to_s))];
  const gap = to - from > 5 * ratio ? Math.round(ratio) : 0;
  const width = Math.max(1, to - from - gap);
  const height = RIBBON_HEIGHT * ratio;
  const isSigned = width >= SIGN_WIDTH * ratio;
  const place = { from, top, width, height };
  const share = (bucket.outcomes[bucket.outcome] ?? 0) / bucket.windows;
  if (bucket.outcome === "explained" && share < 1) {
    // Of many windows a few are explained: their part of the cell is, at its top.
    paintShape(ground, bucket.outcomes.equal === undefined ? "pending" : "equal", place, false);
    paintShape(ground, bucket.outcome, { ...place, height: Math.max(height * share, height / 3) }, false);
    return;
  }
  const ink = paintShape(ground, bucket.outcome, place, isSigned);
  if (!isSigned) return;
  const { outcome, late } = bucket;
  const sign = outcome === "explained" ? String(late) : OUTCOMES[outcome].sign;
  context.fillStyle = ink;
  context.font = font(11 * ratio, 700);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(sign.length * 7 * ratio > width ? "+" : sign, from + width / 2, top + height / 2 + ratio / 2);
}

/** Paints a cell without its sign; returns the sign's colour. */
function paintShape(
  { context, ratio }: Ground,
  outcome: Outcome,
  { from, top, width, height }: Record<"from" | "top" | "width" | "height", number>,
  isSigned: boolean,
): string {
  const flat = Math.round(height * 0.22);
  const panel = colour("--panel");
  if (outcome === "equal") {
    context.fillStyle = colour("--good");
    context.fillRect(from, top + flat, width, height - 2 * flat);
    return panel;
  }
  if (outcome === "unexplained") {
    context.fillStyle = colour("--bad");
    context.fillRect(from, top, width, height);
    context.fillStyle = panel;
    if (!isSigned) context.fillRect(from, top + height / 2 - ratio, width, 2 * ratio);
    return panel;
  }
  const ink = colour("--fourth");
  if (outcome === "explained") {
    context.fillStyle = isSigned ? panel : ink;
    context.fillRect(from, top, width, height);
    context.strokeStyle = ink;
    context.lineWidth = Math.round(1.5 * ratio);
    const half = context.lineWidth / 2;
    if (isSigned) context.strokeRect(from + half, top + half, width - 2 * half, height - 2 * half);
    return ink;
  }
  const muted = colour("--muted");
  context.strokeStyle = muted;
  context.fillStyle = muted;
  context.lineWidth = Math.max(1, Math.round(ratio));
  context.setLineDash(outcome === "open" ? [2 * ratio, 2 * ratio] : []);
  const line = context.lineWidth;
  if (width > 3 * ratio)
    context.strokeRect(from + line / 2, top + flat + line / 2, width - line, height - 2 * flat - line);
  else context.fillRect(from, top + height / 2, width, ratio);
  context.setLineDash([]);
  return muted;
}

/** The cells, and where they are from the ribbon's left edge, in CSS pixels. */
interface Places {
  buckets: readonly Bucket[];
  of: WordsOf;
  x(at_s: number): number;
}

/** What is pointed at, focused and clicked: one link that is moved onto the cell in question. */
export class Ribbon {
  readonly element = make("div", "ribbon");
  readonly #link = make("a", "ribbon-cell");
  readonly #places: () => Places;
  /** The window that the link is of: the cells move below it. */
  #chosen = { of: "", from_s: 0 };

  constructor(places: () => Places) {
    this.#places = places;
    this.element.setAttribute("role", "group");
    this.element.setAttribute(
      "aria-label",
      "Agreement of stream and batch, one cell per window. Arrow keys choose one.",
    );
    this.element.append(this.#link);
    this.element.addEventListener("pointermove", (event) => this.#pointed(event));
    this.element.addEventListener("pointerdown", (event) => this.#pointed(event));
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element && this.#link.hasAttribute("href")) this.#link.click();
    });
    this.#link.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The ribbon's place below the plot, in CSS pixels; the cells have changed. */
  place(left: number, top: number, width: number): void {
    const { style } = this.element;
    style.left = `${left}px`;
    style.top = `${top + RIBBON_TOP}px`;
    style.width = `${width}px`;
    style.height = `${RIBBON_HEIGHT}px`;
    const { buckets, of } = this.#places();
    const isKept = document.activeElement === this.#link && this.#chosen.of === keyOf(of);
    // What a reader has heard of is what Enter opens, also when it has left the view.
    if (isKept && this.#index() < 0) this.#link.style.left = "0px";
    else this.#choose(isKept ? this.#index() : buckets.length - 1);
  }

  /** The cell that has the chosen window now; -1: it is not in view. */
  #index(): number {
    const { from_s } = this.#chosen;
    return this.#places().buckets.findIndex((bucket) => bucket.from_s <= from_s && from_s < bucket.to_s);
  }

  #pointed(event: PointerEvent): void {
    const { buckets, x } = this.#places();
    const at = event.clientX - this.element.getBoundingClientRect().left;
    const index = buckets.findIndex(({ from_s, to_s }) => x(from_s) <= at && at < x(to_s));
    if (index >= 0) this.#choose(index);
  }

  #key(event: KeyboardEvent): void {
    const { buckets } = this.#places();
    const target: Record<string, number> = {
      ArrowLeft: this.#index() - 1,
      ArrowRight: this.#index() + 1,
      Home: 0,
      End: buckets.length - 1,
    };
    const index = target[event.key];
    if (index === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#choose(index);
  }

  /** Moves the link: its address, its place and its words are those of a cell. */
  #choose(index: number): void {
    const { buckets, of, x } = this.#places();
    const bucket = buckets[Math.min(buckets.length - 1, Math.max(0, index))];
    if (bucket === undefined) {
      this.#link.removeAttribute("href");
      return;
    }
    this.#chosen = { of: keyOf(of), from_s: bucket.from_s };
    const left = Math.max(0, x(bucket.from_s));
    this.#link.href = addressUnder(windowLink(bucket.worst_s, of));
    this.#link.style.left = `${left}px`;
    this.#link.style.width = `${Math.max(4, x(bucket.to_s) - left)}px`;
    const words = `${spanOf(bucket, of)}: ${outcomeText(bucket)}`;
    if (this.#link.title === words) return;
    this.#link.title = words;
    this.#link.setAttribute("aria-label", words);
  }
}
