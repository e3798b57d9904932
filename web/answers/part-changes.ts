/** The page's parts of one selection, and at which moment the HTML of each changed last. */
import type { View } from "../model/view.ts";
import { PARTS } from "../pages/parts.tsx";

/** What parts depend on, at one moment. */
interface PartsMoment {
  /** The moment's number, which rises. */
  moment: number;
  /** Seconds in which a page was open. */
  beat: number;
  /** The newest commits of windows.db and results.db. */
  windows: string;
  results: string;
}

/** One of PARTS. */
interface Made {
  on: "windows" | "batch" | "beat";
  html(view: View): string;
}

/** Beats between two tables of windows, which change with each trade, and between other figures. */
const WINDOWS_BEATS = 2;
const BEATS = 5;

export class PartChanges {
  readonly #parts = new Map<string, Part>();
  #windows = { version: "", beat: Number.NEGATIVE_INFINITY };
  #results = "";
  #beat = Number.NEGATIVE_INFINITY;

  constructor(private readonly made: Record<string, Made> = PARTS) {}

  /**
   * Renders what may have changed. `view` is of this moment: what a batch run changes is rendered with
   * the windows, so that no count contradicts a list.
   */
  render({ moment, beat, windows, results }: PartsMoment, view: () => View): void {
    const isBeat = beat - this.#beat >= BEATS;
    const isBatch = isBeat || results !== this.#results;
    const hasWindows = windows !== this.#windows.version && beat - this.#windows.beat >= WINDOWS_BEATS;
    if (isBeat) this.#beat = beat;
    if (isBatch) this.#results = results;
    if (isBatch || hasWindows) this.#windows = { version: windows, beat };
    const due = { windows: isBatch || hasWindows, batch: isBatch, beat: isBeat };
    for (const [id, { on, html }] of Object.entries(this.made)) {
      if (!due[on]) continue;
      this.#parts.set(id, partOf(html(view()), moment, this.#parts.get(id)));
    }
  }

  /** HTML by element, of what changed after a moment; null: nothing has. */
  since(moment: number): Record<string, string> | null {
    const changed: [string, string][] = [];
    for (const [id, { html, frame, articles }] of this.#parts) {
      if (frame.changed > moment) changed.push([id, html]);
      else for (const [name, article] of articles) if (article.changed > moment) changed.push([name, article.html]);
    }
    return changed.length === 0 ? null : Object.fromEntries(changed);
  }
}

/** Some HTML, and the moment at which it changed last. */
interface Dated {
  html: string;
  changed: number;
}

interface Part {
  html: string;
  /** What is around the articles. */
  frame: Dated;
  /** By id: a panel among many is sent alone. */
  articles: Map<string, Dated>;
}

/** Articles are not in each other. */
const ARTICLE = /<article\b[^>]*? id="([^"]+)".*?<\/article>/gs;

function partOf(html: string, moment: number, before: Part | undefined): Part {
  if (before?.html === html) return before;
  const dated = (text: string, old: Dated | undefined) => (old?.html === text ? old : { html: text, changed: moment });
  const articles = new Map<string, Dated>();
  const frame = html.replace(ARTICLE, (text, id: string) => {
    articles.set(id, dated(text, before?.articles.get(id)));
    return `<article id="${id}">`;
  });
  return { html, frame: dated(frame, before?.frame), articles };
}
