/** docs/audit.md is true: its commands run as they are, its rules and columns are those of the code. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { windowColumns } from "../../scripts/audit/answers/column-names.ts";
import { AUDIT_COLUMNS, AUDIT_RULES } from "../../scripts/audit/audit-types.ts";
import { tradeSources } from "../../scripts/audit/input/trade-columns.ts";
import { ROOT, tempDir } from "../support/data.ts";
import { shell } from "../support/process.ts";

const DOC = readFileSync(join(ROOT, "docs/audit.md"), "utf8");
const hasPython = Bun.which("python3") !== null;

/** Rows of the table whose head begins with `first`: its cells. */
function tableOf(first: string): string[][] {
  const lines = DOC.slice(DOC.indexOf(`| ${first} |`)).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(2, end).map((line) => line.slice(2, -2).split(" | "));
}

/** A folder as a clone of the project is, where the commands leave their files. */
function clone(path: string): void {
  for (const name of ["scripts", "engines", "node_modules", "package.json", "sql", "tsconfig.json"])
    if (readdirSync(ROOT).includes(name)) symlinkSync(join(ROOT, name), join(path, name));
  mkdirSync(join(path, "data"));
  symlinkSync(join(ROOT, "data/recordings"), join(path, "data/recordings"));
}

test.skipIf(!hasPython)(
  `the commands that need no other program find what the script does${hasPython ? "" : ", skipped: no python3"}`,
  async () => {
    using dir = tempDir();
    clone(dir.path);
    const blocks = [...DOC.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block!);
    expect(blocks).toHaveLength(1);
    const PATH = `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`;
    const { stdout, stderr, code } = await shell(`set -e\n${blocks[0]}`, {
      cwd: dir.path,
      env: { PATH, NO_COLOR: "1" },
    });
    // Bun repeats the script on stderr; nothing else is there.
    expect(stderr.split("\n").filter((line) => line !== "" && !line.startsWith("$ "))).toEqual([]);
    const shown = [...DOC.matchAll(/^```text\n([\s\S]*?)^```/gm)].map(([, block]) => block!.trimEnd())[0]!;
    expect(stdout.startsWith(shown)).toBe(true);
    expect(code).toBe(shown.includes("only consistent") || !shown.includes(" 0 unexplained") ? 1 : 0);
    expect(readFileSync(join(dir.path, "audit.html"), "utf8")).toContain(shown.split("\n")[0]!);
  },
  120_000,
);

test("it has every rule, in order, and every column, with names that are recognised", () => {
  expect(tableOf("rule").map(([rule]) => rule!.split(" ")[0])).toEqual(Object.keys(AUDIT_RULES));
  const answers = tableOf("ours");
  const names = answers.map(([ours]) => ours!.replaceAll("`", ""));
  expect(new Set(names)).toEqual(new Set(["window_start", "window_end", "product_id", ...AUDIT_COLUMNS]));
  const unknown = answers.flatMap(([, also], i) =>
    [...also!.split(";")[0]!.matchAll(/`(\w+)`/g)]
      .map(([, name]) => name!)
      .filter((name) => (windowColumns([name], new Map()).at as Record<string, number>)[names[i]!] !== 0),
  );
  expect(unknown).toEqual([]);
});

test("the names of a file of trades are recognised", () => {
  const others = { product_id: "a", trade_id: "b", time: "c", price: "d", last_size: "e", side: "f" };
  const wrong = tableOf("field").flatMap(([fields, also]) => {
    const ours = [...fields!.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
    const theirs = [...also!.split(";")[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
    return theirs.filter((name, i) => {
      const field = ours.length === 1 ? ours[0]! : ours[i]!;
      const rest = Object.entries(others).filter(([other]) => other !== field);
      const mapped = Object.fromEntries(rest.map(([other, column]) => [other, { column }]));
      const columns = [...rest.map(([, column]) => column), name];
      const found = tradeSources("x.csv", columns, { mapped, product: null });
      return JSON.stringify(found[field as keyof typeof found]) !== JSON.stringify({ column: name });
    });
  });
  expect(wrong).toEqual([]);
});
