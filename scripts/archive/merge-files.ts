/** Merges small files of the archive: their number stays small, each row is rewritten a few times. */
import { join } from "node:path";
import { ARCHIVE_FILE_ROWS_MAX, ARCHIVE_SMALL_FILES_MAX } from "../base/limits.ts";
import type { Manifest, PartFile } from "./manifest-schema.ts";
import { stagedFolder, stageFile } from "./own-files.ts";
import { mergedMinutes, parquet } from "./rollup.ts";
import { verifyFile } from "./verify.ts";
import { type ArchiveWriter, mergedFacts } from "./writer.ts";

/**
 * Merges files of ticks and of the rollup when there are many, each after its checksum was compared.
 * The result is staged for the next commit, whose manifest is returned.
 */
export async function compact(archive: string, manifest: Manifest, writer: ArchiveWriter): Promise<Manifest> {
  const into = (folder: string) => stagedFolder(archive, manifest.sequence + 1, folder);
  // A kept file gets a new name, so that no reader of the old folder opens it as a part of that.
  const stage = <T extends PartFile>(file: T, folder: string): T => {
    const name = writer.name();
    stageFile(join(archive, file.path), join(into(folder), name));
    return { ...file, path: `${folder}/${name}` };
  };
  const check = (files: PartFile[]) => {
    for (const file of files) verifyFile(archive, file, "all", null);
    return parquet(archive, files);
  };
  const groups = mergeGroups(manifest.files);
  let { files, minutes } = manifest;
  if (groups.length < files.length) {
    files = [];
    for (const group of groups) {
      const merge = () => writer.ticks(check(group), mergedFacts(group), into("ticks"), group[0]!.verified);
      files.push(group.length === 1 ? stage(group[0]!, "ticks") : await merge());
    }
  }
  const small = smallFiles(minutes);
  if (small.length > 0) {
    const merged = await writer.part(mergedMinutes(check(small)), into("minutes"), "minutes");
    minutes = [...minutes.filter((file) => !small.includes(file)).map((file) => stage(file, "minutes")), merged];
  }
  return { ...manifest, files, minutes };
}

interface Mergeable {
  rows: number;
  verified: boolean;
}

/**
 * Tick files in groups of neighbours, in their order; each group becomes one file. Neighbours alone,
 * so a file has all rows of a span of insert_id (pruning.ts). From the newest, while the next file is
 * at most twice the sum; up to ARCHIVE_FILE_ROWS_MAX rows, so each row is rewritten log(n) times.
 */
function mergeGroups<T extends Mergeable>(files: readonly T[]): T[][] {
  const groups = files.map((file) => [file]);
  const rows = (at: number) => groups[at]!.reduce((sum, file) => sum + file.rows, 0);
  const isSmall = (at: number) => rows(at) * 2 <= ARCHIVE_FILE_ROWS_MAX;
  for (;;) {
    if (groups.filter((_, at) => isSmall(at)).length <= ARCHIVE_SMALL_FILES_MAX) return groups;
    let found = false;
    for (let end = groups.length - 1; end > 0 && !found; end--) {
      if (!isSmall(end)) continue;
      let [start, sum] = [end, rows(end)];
      while (start > 0 && isSmall(start - 1) && groups[start - 1]![0]!.verified === groups[end]![0]!.verified) {
        const next = rows(start - 1);
        if (sum + next > ARCHIVE_FILE_ROWS_MAX || (start < end && next > 2 * sum)) break;
        sum += next;
        start -= 1;
      }
      found = start < end;
      if (found) groups.splice(start, end - start + 1, groups.slice(start, end + 1).flat());
    }
    if (!found) return groups;
  }
}

/**
 * The files to merge where order doesn't matter: from the smallest, while the next is at most twice
 * the sum.
 */
export function smallFiles<T extends { rows: number }>(files: readonly T[]): T[] {
  if (files.length <= ARCHIVE_SMALL_FILES_MAX) return [];
  const sorted = files.toSorted((a, b) => a.rows - b.rows);
  let sum = 0;
  let count = 0;
  while (count < sorted.length && (count < 2 || sorted[count]!.rows <= 2 * sum)) sum += sorted[count++]!.rows;
  return sorted.slice(0, count);
}
