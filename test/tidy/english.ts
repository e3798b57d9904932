/** Idioms that a reader from the field would have to translate, each with what to write. */
import { type Rule, readTree } from "./tree.ts";

/**
 * What is banned in strings, comments, documents and names of tests. The list itself is the only file
 * that may hold them.
 */
export const IDIOMS: { pattern: RegExp; write: string }[] = [
  {
    pattern: /\b(lies|lie) (in|at|on|beside|below|beyond|there|with|under|where|between|together|outside|as|here)\b/i,
    write: "is, is in",
  },
  { pattern: /\blies?[.,:;]/i, write: "is, is in" },
  { pattern: /\bstands\b(?! for)/i, write: "is, is stored, is at" },
  { pattern: /\b(goes|go|went|going|gone) on\b(?! strike)/i, write: "continues, resumes" },
  { pattern: /\banew\b/i, write: "again, recreated" },
  { pattern: /\b(told|tells)\b/i, write: "reports, is configured, is passed" },
  { pattern: /\bsays\b/i, write: "reports, states" },
  { pattern: /\blooks (at|for|into)\b|\ba look\b/i, write: "polls, checks, reads" },
  { pattern: /\b(un)?mended\b|\bmends\b/i, write: "fixed, patched" },
  { pattern: /\bfor ever\b/i, write: "forever" },
  { pattern: /\bso (long|often|many)\b(?! (as|that)\b)/i, write: "this long, within N ms, every N bytes" },
  {
    pattern: /\b(wild|sound) (id|ids|stamp|stamps|time|times|state|page|pages|log)\b|\bis sound\b|\bare sound\b/i,
    write: "outlier, valid",
  },
  { pattern: /\bstand-?ins?\b/i, write: "simulator" },
  { pattern: /\b(whoever|whatever|whichever)\b/i, write: "name who or what it is" },
  {
    pattern: /\bthe reference(?! (pages?|manual|for|documentation)\b)|\breference's\b/i,
    write: "the replaced pipeline",
  },
  { pattern: /(?<![\w.'"`/#$%[{(<=-])M(?=[ ,.;:)'’])(?! ?[=+])/, write: "event-time high mark" },
  { pattern: /(?<!\b(there|it)) is no (?!longer\b|more\b|such\b|other\b)[a-z]/i, write: "is not a valid …, has no …" },
  {
    pattern:
      /\b(trades?|rows?|process|reason|lines?|messages?|windows?|files?|ticks?|seconds?|minutes?|bytes|timer|record|object|statement|snapshot|tables?) an? (window|product|second|gigabyte|run|metric|message|process|key|day|minute|hour|line|row|file|poll|query|stage|record|commit|request|tick)\b/i,
    write: "per",
  },
  {
    pattern: /\bmade now\b|\bis now the end\b|\bend of the log now\b/i,
    write: "when the log is created; the current end",
  },
  { pattern: /\bhands? on\b(?!-)/i, write: "passes" },
  { pattern: /\bpatient\b|\bremembers? of\b/i, write: "say what it does" },
];

/** Prose and code of the project, but recordings, data and this list. */
export const plainEnglish: Rule = (tree) => {
  const wrong: string[] = [];
  for (const [file, text] of tree) {
    if (file.startsWith("test/tidy/") || /^data\/.*jsonl|^test\/fixtures\//.test(file)) continue;
    text.split("\n").forEach((line, i) => {
      for (const { pattern, write } of IDIOMS) {
        const found = pattern.exec(line);
        if (found) wrong.push(`${file}:${i + 1}: "${found[0]}" → ${write}`);
      }
    });
  }
  return wrong;
};

if (import.meta.main) {
  const rooms = process.argv.slice(2);
  const tree = new Map(
    [...readTree()].filter(([file]) => rooms.length === 0 || rooms.some((room) => file.startsWith(room))),
  );
  process.stdout.write(`${plainEnglish(tree).join("\n")}\n`);
}
