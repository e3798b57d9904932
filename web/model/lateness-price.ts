/** The price of lateness of one product and size, from windows.db. */
import { monotonicMs } from "../../scripts/base/clock.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { storeError } from "../../scripts/base/sqlite.ts";
import { type LatenessAnswer, type LatenessQuery, latenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import type { Sources } from "./sources.ts";

/** An answer that took longer is not made again for each commit, of which there may be 50 a second. */
const QUICK_MS = 20;
/** It is kept this many times as long as it took: 50,000 windows take 0.1 s, half a percent of a core. */
const KEPT_TIMES = 200;
const KEPT_MAX = 16;

interface Kept {
  answer: LatenessAnswer;
  /** Of windows.db. */
  commit: string;
  until_ms: number;
}

const kept = new WeakMap<Sources, Map<string, Kept>>();

/**
 * Of the newest commit, or of one a few seconds before it where there are many windows. Fails with
 * NO_DATA, SCHEMA_OLDER, USAGE, or with the store's own sentence.
 */
export function latenessPrice(sources: Sources, query: LatenessQuery): LatenessAnswer {
  const { windows } = sources;
  const { db, path, epoch, version } = windows;
  if (db === null) throw new TidemarkError("NO_DATA", "The stream has not run yet.", "Run it first: bun run stream");
  const of = kept.get(sources) ?? new Map<string, Kept>();
  kept.set(sources, of);
  const { want } = query;
  const name = JSON.stringify([epoch, query.product, query.size_us, want && [`${want.part}`, `${want.whole}`]]);
  const known = of.get(name);
  const began_ms = monotonicMs();
  if (known !== undefined && (known.commit === `${version}` || began_ms < known.until_ms)) return known.answer;
  try {
    const answer = latenessAnswer(db, query);
    const took_ms = monotonicMs() - began_ms;
    const until_ms = took_ms > QUICK_MS ? began_ms + took_ms * KEPT_TIMES : 0;
    of.delete(name);
    of.set(name, { answer, commit: `${version}`, until_ms });
    for (const oldest of of.keys()) {
      if (of.size <= KEPT_MAX) break;
      of.delete(oldest);
    }
    return answer;
  } catch (error) {
    throw storeError(path, error);
  }
}
