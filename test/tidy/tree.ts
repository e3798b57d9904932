/**
 * The project's text files, as the house's rules read them; a rule's own bad example is such a tree
 * too.
 */
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ROOT } from "../support/data.ts";

/** Path from the project's root (with /) → text. */
export type Tree = ReadonlyMap<string, string>;

/** A rule: one sentence for each place that breaks it, beginning with `file` or `file:line`. */
export type Rule = (tree: Tree) => string[];

const TEXT = /\.(tsx?|js|sql|css|md|c|py|json|ya?ml)$|^\.ci\/run$/;

/** Every text file that git keeps or would keep. */
export function readTree(): Tree {
  const list = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  const files = list.stdout
    .toString()
    .split("\n")
    .filter((file) => TEXT.test(file) && file !== "package-lock.json");
  return new Map(files.flatMap((file) => readIfThere(file)));
}

/** Nothing for a file that was removed and is still in git's index. */
function readIfThere(file: string): [string, string][] {
  try {
    return [[file, readFileSync(join(ROOT, file), "utf8")]];
  } catch {
    return [];
  }
}

/** The program's own TypeScript, without declaration files. */
export function sources(tree: Tree): string[] {
  return [...tree.keys()].filter((file) => /^(scripts|web)\/.*\.tsx?$/.test(file) && !file.endsWith(".d.ts"));
}

/** What one `import` or `export … from` names. */
export interface Import {
  /** The file that is imported, from the project's root. */
  target: string;
  /** The names that are imported, as the other file exports them; `*` for all of them. */
  names: string[];
  /** A type alone, which no running program loads. */
  isType: boolean;
}

const STATEMENT = /\b(?:import|export) (type )?(?:(\*)[^"]*?|\{([^}]*)\}|(\w+)(?:, \{([^}]*)\})?) from "(\.[^"]+)"/g;

/** The relative imports of a file, also those within `import()`. */
export function importsOf(file: string, text: string): Import[] {
  const at = (spec: string) => normalize(join(dirname(file), spec)).replaceAll("\\", "/");
  const found: Import[] = [];
  for (const [, type, all, list, single, more, spec] of text.matchAll(STATEMENT)) {
    const names = [list, more]
      .flatMap((part) => part?.split(",") ?? [])
      .map((name) => name.trim().replace(/^type /, ""));
    if (all) names.push("*");
    if (single) names.push("default");
    const own = names.filter(Boolean).map((name) => name.split(" as ")[0]!);
    found.push({ target: at(spec!), names: own, isType: type !== undefined });
  }
  for (const [, spec] of text.matchAll(/\bimport\(\s*"(\.[^"]+)"/g))
    found.push({ target: at(spec!), names: ["*"], isType: false });
  for (const [, spec] of text.matchAll(/^import "(\.[^"]+)";$/gm))
    found.push({ target: at(spec!), names: [], isType: false });
  return found;
}

/** The comments of a TypeScript, JavaScript, C, CSS or SQL file, by line number, without their markers. */
export function commentLines(file: string, text: string): { line: number; text: string }[] {
  const sql = file.endsWith(".sql");
  const found: { line: number; text: string }[] = [];
  let inside = false;
  text.split("\n").forEach((line, i) => {
    const trimmed = line.trim();
    if (inside || (!sql && /^\{?\/\*/.test(trimmed))) {
      inside = !/\*\/\}?$/.test(trimmed);
      found.push({ line: i + 1, text: trimmed.replace(/^\{?\/\*+ ?|^\* ?/, "").replace(/ ?\*\/\}?$/, "") });
    } else if (sql ? trimmed.startsWith("--") : trimmed.startsWith("//"))
      found.push({ line: i + 1, text: trimmed.replace(/^(--|\/\/) ?/, "") });
  });
  return found;
}
