/** The documents are true: every command, flag, variable, error, path and metric is in them. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES } from "../scripts/base/errors.ts";
import { FAMILIES } from "../web/answers/telemetry.ts";
import { PATHS } from "../web/server.ts";
import { COMMANDS_DOC, commandsDoc, specs } from "./support/commands-doc.ts";
import { STATES } from "./support/health-states.ts";

const ROOT = join(import.meta.dir, "..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

test("docs/commands.md is what the commands say of themselves", async () => {
  expect(readFileSync(COMMANDS_DOC, "utf8")).toBe(await commandsDoc());
  // A part that a list adds to each of its entries is not in an entry's own words too.
  expect(await commandsDoc()).not.toMatch(/; ([^;()]+); \1[;)]/);
});

test("every command is a script of package.json and in the README", async () => {
  const { scripts } = JSON.parse(read("package.json"));
  for (const { name } of await specs()) {
    expect(scripts[name]).toBe(`exec bun scripts/${name}.ts`);
    expect(read("README.md")).toContain(`| \`${name}\` |`);
  }
});

test("every variable that the code reads is documented", () => {
  const documented = readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => read(`docs/${name}`))
    .join("\n");
  const sources = ["scripts", "web"].flatMap((dir) =>
    readdirSync(join(ROOT, dir), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => read(join(dir, name))),
  );
  const internal = new Set(["TIDEMARK_PARENT", "TIDEMARK_LAST_WORDS", "TIDEMARK_LIMITED"]);
  const errors = new Set(ERROR_CODES.map((code) => `TIDEMARK_${code}`));
  const variables = new Set(sources.join("\n").match(/\bTIDEMARK_[A-Z_]*[A-Z]\b/g) ?? []);
  expect(
    [...variables].filter((name) => !internal.has(name) && !errors.has(name) && !documented.includes(name)),
  ).toEqual([]);
});

test("every error code is explained, and no other", () => {
  const listed = [...read("docs/errors.md").matchAll(/^\| `TIDEMARK_(\w+)`/gm)].map((match) => match[1]);
  expect(listed.sort()).toEqual([...ERROR_CODES].sort());
});

test("every path and every Prometheus name is in docs/http.md, and no other", () => {
  const listed = [...read("docs/http.md").matchAll(/^\| `(\/[^`]*)`/gm)].map((match) => match[1]);
  expect(listed).toEqual([...PATHS]);
  const names = [...read("docs/http.md").matchAll(/^\| `(tidemark_\w+)` \|/gm)].map((match) => match[1]);
  expect(names).toEqual(Object.keys(FAMILIES));
});

test("every metric is in docs/metrics.md, and no other", () => {
  const files = readdirSync(join(ROOT, "sql/metrics")).map((name) => name.replace(/\.sql$/, ""));
  const listed = [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(listed.sort()).toEqual(files.sort());
});

/** What is wrong in a table row about its tests: `test/file.ts`: "name", "name"; … */
function wrongTests(cells: string): string[] {
  const wrong: string[] = [];
  const named = [...cells.matchAll(/`(test\/[\w/.-]+\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)];
  if (named.length === 0 && !/no test:/i.test(cells)) wrong.push("it names no test");
  const files = cells.match(/`test\/[\w/.-]+\.ts`/g) ?? [];
  if (files.length !== named.length) wrong.push("a file without the name of a test");
  for (const [, file, names] of named) {
    const source = existsSync(join(ROOT, file!)) ? read(file!) : "";
    for (const [, name] of names!.matchAll(/"([^"]+)"/g)) {
      if (!source.includes(name!)) wrong.push(`${file} has no test "${name}"`);
    }
  }
  return wrong;
}

test("docs/faults.md has its faults in order, and every test that it names is there", () => {
  const rows = [...read("docs/faults.md").matchAll(/^\| (\d+) \|(.*)\|$/gm)];
  const numbers = rows.map(([, number]) => Number(number));
  expect(numbers.slice(0, 45)).toEqual(Array.from({ length: 45 }, (_, i) => i + 1));
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(rows.flatMap(([, number, cells]) => wrongTests(cells!).map((why) => `${number}: ${why}`))).toEqual([]);
});

test("docs/health.md has every state that is tested or reported, and every test that it names is there", () => {
  const rows = [...read("docs/health.md").matchAll(/^\| `([a-z-]+)` \|(.*)\|$/gm)];
  const codes = rows.map(([, code]) => code!);
  expect(codes).toEqual([...new Set(codes)]);
  expect(rows.flatMap(([, code, cells]) => wrongTests(cells!).map((why) => `${code}: ${why}`))).toEqual([]);
  for (const { code, stops } of STATES) {
    const row = rows.find(([, name]) => name === code)?.[2];
    expect([code, row?.includes(stops ? "| 503 |" : "| 200, note |")]).toEqual([code, true]);
  }
  expect(reportedCodes().filter((code) => !codes.includes(code))).toEqual([]);
});

/** Codes in the files that report problems. */
function reportedCodes(): string[] {
  const files = ["scripts", "web"].flatMap((dir) =>
    readdirSync(join(ROOT, dir), { recursive: true, encoding: "utf8" }).map((name) => join(dir, name)),
  );
  const reporting = files.filter((file) => /\.tsx?$/.test(file)).map(read);
  const text = reporting.filter((source) => /problems\.ts"|\/health\.ts"|problems\.report\(/.test(source)).join("\n");
  const calls = text.matchAll(/(?:code: |(?:stopping|note)\(\s*(?:"\w+"|name),\s*|\bone\(\s*)"([a-z]+(?:-[a-z]+)*)"/g);
  const names = text.matchAll(/^(?:export )?const [A-Z_]+ = "([a-z]+-[a-z-]+)";$/gm);
  return [...new Set([...calls, ...names].map(([, code]) => code!))];
}

test("docs/README.md lists every page of docs/", () => {
  const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
  const listed = [...read("docs/README.md").matchAll(/^\| \[([\w-]+\.md)\]\(\1\) \| \S/gm)].map(([, name]) => name!);
  expect(listed).toEqual([...new Set(listed)]);
  expect(pages.filter((name) => !listed.includes(name))).toEqual([]);
});

test("decisions are numbered without holes, dated, in order, and each is a row of docs/README.md", () => {
  const files = readdirSync(join(ROOT, "docs/decisions")).sort();
  const decisions = files.map((name) => decisionOf(name, read(`docs/decisions/${name}`)));
  expect(decisions.map(({ number }) => number)).toEqual(files.map((_, i) => String(i + 1).padStart(4, "0")));
  const dates = decisions.map(({ date }) => date);
  expect(dates).toEqual([...dates].sort());
  const rows = [...read("docs/README.md").matchAll(/^\| \[\d{4}\]\(decisions.*$/gm)].map(([row]) => row);
  expect(rows).toEqual(
    decisions.map((one) => `| [${one.number}](decisions/${one.file}) | ${one.title} | ${one.date} | ${one.status} |`),
  );
});

/**
 * A decision's head. Its status names others by a link in the file and by number here; fields of a
 * wrong form are "?".
 */
function decisionOf(file: string, text: string) {
  const number = /^(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1] ?? "?";
  const [, title = "?", date = "?", linked = "?"] =
    /^# (?:\d{4}) (.+)\n\nDate: (\d{4}-\d\d-\d\d) · Status: (.+)\n\n\*\*Context\.\*\* /.exec(text) ?? [];
  const status = linked.replaceAll(/\[(\d{4})\]\(\1-[a-z0-9-]+\.md\)/g, "$1");
  const isKnown = /^(accepted|(superseded|amended) by \d{4}(, \d{4})*)$/.test(status);
  return { file, number: text.startsWith(`# ${number} `) ? number : "?", title, date, status: isKnown ? status : "?" };
}

test("links between the documents lead somewhere", () => {
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" });
  const pages = ["README.md", "ARCHITECTURE.md", ...docs.map((name) => `docs/${name}`)];
  const broken: string[] = [];
  for (const page of pages.filter((name) => name.endsWith(".md"))) {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      if (!existsSync(join(ROOT, page, "..", target!))) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
