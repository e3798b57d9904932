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

/** Beats between two tables of windows, which change with each trade, and between other figures. */
const WINDOWS_BEATS = 2;
const BEATS = 5;

export class PartChanges {
  readonly #html = new Map<string, { html: string; changed: number }>();
  #windows = { version: "", beat: Number.NEGATIVE_INFINITY };
  #results = "";
  #beat = Number.NEGATIVE_INFINITY;

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
    for (const [id, { on, html }] of Object.entries(PARTS)) {
      if (!due[on]) continue;
      const text = html(view());
      if (text !== this.#html.get(id)?.html) this.#html.set(id, { html: text, changed: moment });
    }
  }

  /** HTML by element, of what changed after a moment; null: nothing has. */
  since(moment: number): Record<string, string> | null {
    const changed = [...this.#html].filter(([, part]) => part.changed > moment);
    return changed.length === 0 ? null : Object.fromEntries(changed.map(([id, { html }]) => [id, html]));
  }
}
