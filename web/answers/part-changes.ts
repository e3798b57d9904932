/** The page's parts of one selection, and at which moment the HTML of each changed last. */
import type { View } from "../model/view.ts";
import { PARTS } from "../pages/parts.tsx";

/** What parts depend on, at one moment. */
interface PartsMoment {
  /** The moment's number, which rises. */
  moment: number;
  /** Seconds in which a page was open. */
  beat: number;
  /** The newest commit of windows.db, and the newest runs that have ended. */
  windows: string;
  runs: string;
  /** A page has connected whose HTML may be newer than what was rendered last: all is due. */
  isWhole?: boolean;
}

/** One of PARTS. */
interface Made {
  on: "windows" | "batch" | "beat";
  html(view: View): string;
}

/** Of a page that was sent as HTML: what it has, by the id of a part or an article. */
export type PageParts = ReadonlyMap<string, bigint>;

/** Beats between two tables of windows, which change with each trade, and between other figures. */
const WINDOWS_BEATS = 2;
const BEATS = 5;
/** Panels that change with each run must not fill the line: they wait a beat for each of these bytes. */
const PANEL_BYTES_PER_BEAT = 4_000;

export class PartChanges {
  readonly #parts = new Map<string, Part>();
  #windows = { version: "", beat: Number.NEGATIVE_INFINITY };
  #runs = "";
  #beat = Number.NEGATIVE_INFINITY;

  constructor(private readonly made: Record<string, Made> = PARTS) {}

  /**
   * Renders what may have changed. `view` is of this moment: what a batch run changes is rendered with
   * the windows, so that no count contradicts a list.
   */
  render({ moment, beat, windows, runs, isWhole = false }: PartsMoment, view: () => View): void {
    const isBeat = isWhole || beat - this.#beat >= BEATS;
    const isBatch = isBeat || runs !== this.#runs;
    const hasWindows = windows !== this.#windows.version && beat - this.#windows.beat >= WINDOWS_BEATS;
    if (isBeat) this.#beat = beat;
    if (isBatch) this.#runs = runs;
    if (isBatch || hasWindows) this.#windows = { version: windows, beat };
    const due = { windows: isBatch || hasWindows, batch: isBatch, beat: isBeat };
    for (const [id, { on, html }] of Object.entries(this.made)) {
      if (due[on]) this.#parts.set(id, partOf(html(view()), { moment, beat, isWhole }, this.#parts.get(id)));
    }
  }

  /** HTML by element, of what changed after a moment, or is not what a page has; null: nothing. */
  since(after: number | PageParts): Record<string, string> | null {
    const changed: [string, string][] = [];
    const isNew = (id: string, { html, changed }: Dated) =>
      typeof after === "number" ? changed > after : after.get(id) !== hash(html);
    for (const [id, { html, frame, articles }] of this.#parts) {
      if (isNew(id, frame)) changed.push([id, html]);
      else for (const [name, article] of articles) if (isNew(name, article)) changed.push([name, article.html]);
    }
    return changed.length === 0 ? null : Object.fromEntries(changed);
  }
}

/** Some HTML, and the moment at which it changed last. */
interface Dated {
  html: string;
  changed: number;
}

interface Article extends Dated {
  /** It is not replaced again before. */
  due_beat: number;
}

interface Part {
  html: string;
  /** What is around the articles. */
  frame: Dated;
  /** By id: a panel among many is sent alone. */
  articles: Map<string, Article>;
}

/** Articles are not in each other. */
const ARTICLE = /<article\b[^>]*? id="([^"]+)".*?<\/article>/gs;

/** What a page of this view has: a client that connects with it gets the parts that differ. */
export function pageParts(view: View, made: Record<string, Made> = PARTS): PageParts {
  const found = new Map<string, bigint>();
  for (const [id, { html }] of Object.entries(made)) {
    const { frame, articles } = partOf(html(view), { moment: 0, beat: 0, isWhole: true }, undefined);
    found.set(id, hash(frame.html));
    for (const [name, article] of articles) found.set(name, hash(article.html));
  }
  return found;
}

function hash(html: string): bigint {
  return BigInt(Bun.hash(html));
}

type Rendered = Required<Pick<PartsMoment, "moment" | "beat" | "isWhole">>;

function partOf(html: string, { moment, beat, isWhole }: Rendered, before: Part | undefined): Part {
  const articles = new Map<string, Article>();
  const changed: Article[] = [];
  const around = html.replace(ARTICLE, (text, id: string) => {
    const old = before?.articles.get(id);
    const isKept = old !== undefined && (old.html === text || (beat < old.due_beat && !isWhole));
    const article = isKept ? old : { html: text, changed: moment, due_beat: 0 };
    if (!isKept) changed.push(article);
    articles.set(id, article);
    return `<article id="${id}">`;
  });
  const bytes = changed.reduce((sum, article) => sum + article.html.length, 0);
  for (const article of changed) article.due_beat = beat + Math.floor(bytes / PANEL_BYTES_PER_BEAT);
  const frame = before?.frame.html === around ? before.frame : { html: around, changed: moment };
  return { html, frame, articles };
}
