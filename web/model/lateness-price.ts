/** The price of lateness of one product and size, from windows.db. */
import { TidemarkError } from "../../scripts/base/errors.ts";
import { storeError } from "../../scripts/base/sqlite.ts";
import { type LatenessAnswer, type LatenessQuery, latenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import type { Sources } from "./sources.ts";

/** Fails with NO_DATA, SCHEMA_OLDER, USAGE, or with the store's own sentence. */
export function latenessPrice({ windows }: Sources, query: LatenessQuery): LatenessAnswer {
  const { db, path } = windows;
  if (db === null) throw new TidemarkError("NO_DATA", "The stream has not run yet.", "Run it first: bun run stream");
  try {
    return latenessAnswer(db, query);
  } catch (error) {
    throw storeError(path, error);
  }
}
