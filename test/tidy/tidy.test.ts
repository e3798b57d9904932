/** The house's rules hold for the tree, and each finds its own bad example. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/data.ts";
import { plainEnglish } from "./english.ts";
import {
  bannedCalls,
  citations,
  comments,
  deadCode,
  doors,
  fileLength,
  importTable,
  uniqueNames,
  withFile,
} from "./house.ts";
import { type Rule, readTree, type Tree } from "./tree.ts";

const TREE = readTree();
const OPENING = "/** What it is. */\n";

/** Each rule, what it demands, and a file that breaks it with the words by which it is found. */
const RULES: [name: string, rule: Rule, bad: Tree, found: RegExp][] = [
  [
    "a room imports only what the table allows",
    importTable,
    withFile("scripts/log/kafka/bad.ts", 'import { block } from "../embedded/block.ts";'),
    /^scripts\/log\/kafka\/bad\.ts imports scripts\/log\/embedded\/block\.ts$/,
  ],
  [
    "a type is an import too, and so is a name that comes after a default",
    importTable,
    withFile("scripts/simulator/bad.ts", 'import type {\n  Frame,\n} from "../message/index.ts";'),
    /^scripts\/simulator\/bad\.ts imports scripts\/message\/index\.ts$/,
  ],
  [
    "every file is in a room",
    importTable,
    withFile("scripts/common/bad.ts", ""),
    /^scripts\/common\/bad\.ts is in no room/,
  ],
  [
    "a room is entered through its door",
    doors,
    withFile("scripts/stages/bad.ts", 'import { WindowJob } from "../window/job.ts";'),
    /beside its door: scripts\/window\/job\.ts$/,
  ],
  [
    "a file's name occurs once",
    uniqueNames,
    new Map([
      ["scripts/feed/player.ts", ""],
      ["scripts/simulator/player.ts", ""],
    ]),
    /^player: scripts\/feed\/player\.ts, scripts\/simulator\/player\.ts$/,
  ],
  [
    "no export without an importer",
    deadCode,
    new Map([
      ["scripts/base/one.ts", `${OPENING}export const used = 1;\nexport async function unused() {}`],
      ["scripts/base/two.ts", `${OPENING}import { used } from "./one.ts";`],
    ]),
    /^scripts\/base\/one\.ts exports unused to nobody$/,
  ],
  [
    "no file without an importer, unless it is run",
    deadCode,
    withFile("scripts/base/one.ts", OPENING),
    /^scripts\/base\/one\.ts is dead$/,
  ],
  ["a file has at most 300 lines", fileLength, withFile("web/bad.tsx", "\n".repeat(301)), /^web\/bad\.tsx has 301/],
  [
    "a command has at most 80 lines",
    fileLength,
    withFile("scripts/bad.ts", "\n".repeat(81)),
    /^scripts\/bad\.ts has 81/,
  ],
  [
    "a comment's lines have at most 100 characters",
    comments,
    withFile("scripts/base/bad.ts", `${OPENING}const a = 1;\n  /**\n   * ${"word ".repeat(21)}\n   */`),
    /^scripts\/base\/bad\.ts:4: a comment of 104 characters$/,
  ],
  [
    "a file begins with what it is",
    comments,
    withFile("sql/bad.sql", "SELECT 1"),
    /^sql\/bad\.sql does not begin with what it is$/,
  ],
  [
    "a cited file is there",
    citations,
    withFile("scripts/base/bad.ts", `${OPENING}// The rule of design.md "Windows".`),
    /^scripts\/base\/bad\.ts:2 cites design\.md, which is not there$/,
  ],
  [
    "a document cites what is there",
    citations,
    withFile("docs/bad.md", "See `scripts/common/csv.ts`."),
    /^docs\/bad\.md:1 cites scripts\/common\/csv\.ts/,
  ],
  [
    "a banned call has its replacement",
    bannedCalls,
    withFile("scripts/stages/bad.ts", `${OPENING}const child = Bun.spawn([]);`),
    /^scripts\/stages\/bad\.ts:2: Bun\.spawn\( → base\/process\.ts$/,
  ],
  [
    "a test starts processes through its helpers",
    bannedCalls,
    withFile("test/stages/bad.test.ts", `${OPENING}const child = Bun.spawnSync(["tar"]);`),
    /^test\/stages\/bad\.test\.ts:2: Bun\.spawnSync\( → test\/support\/process\.ts$/,
  ],
  [
    "plain English",
    plainEnglish,
    withFile("scripts/base/bad.ts", '// Where the log lies.\nthrow new Error("5 is no duration");'),
    /^scripts\/base\/bad\.ts:1: "lies\." → is, is in$/,
  ],
];

describe.each(RULES)("%s", (_name, rule, bad, found) => {
  test("in the whole tree", () => expect(rule(TREE)).toEqual([]));
  test("and a bad example is found", () => expect(rule(bad)[0]).toMatch(found));
});

/** What the linter reports of these files under the project's settings. */
function linted(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-lint-"));
  try {
    cpSync(join(ROOT, "biome.json"), join(folder, "biome.json"));
    mkdirSync(join(folder, "scripts"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "scripts", name), text);
    const command = [join(ROOT, "node_modules/.bin/biome"), "lint", "--colors=off", "scripts"];
    const { stdout, stderr } = Bun.spawnSync(command, { cwd: folder });
    return `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the linter finds a function of more than 70 lines behind a signature of several", () => {
  const body = "  count++;\n".repeat(69);
  const text = `export function long(\n  count: number,\n): { count: number } {\n${body}  return { count };\n}\n`;
  expect(linted({ "long.ts": text })).toContain("noExcessiveLinesPerFunction");
});

test("the linter finds an import cycle, also of types alone", () => {
  const files = {
    "one.ts": 'import type { Two } from "./two.ts";\nexport interface One {\n  two: Two;\n}\n',
    "two.ts": 'import type { One } from "./one.ts";\nexport interface Two {\n  one: One;\n}\n',
  };
  expect(linted(files)).toContain("noImportCycles");
});

test("the pure parts bundle for the browser target", async () => {
  const entrypoints = [
    "window/job.ts",
    "window/windower.ts",
    "message/extract.ts",
    "message/parse.ts",
    "base/decimal.ts",
  ];
  const built = await Bun.build({
    entrypoints: entrypoints.map((name) => join(ROOT, "scripts", name)),
    target: "browser",
  });
  expect(built.success).toBe(true);
  for (const output of built.outputs) expect(await output.text()).not.toMatch(/bun:sqlite|from "node:/);
});

test("stages that run all the time start without zod, which would cost each start 25 ms of CPU time", async () => {
  const built = await Bun.build({
    entrypoints: ["produce.ts", "stream.ts", "consume.ts"].map((name) => join(ROOT, "scripts", name)),
    target: "bun",
    packages: "external",
  });
  expect(built.success).toBe(true);
  for (const output of built.outputs) expect((await output.text()).includes('from "zod"')).toBe(false);
});

test("every package has one version, and only those named in allowScripts run a script when they are installed", async () => {
  const { dependencies, devDependencies, allowScripts, scripts } = JSON.parse(TREE.get("package.json")!);
  const versions = Object.values<string>({ ...dependencies, ...devDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  const { packages } = await Bun.file(join(ROOT, "package-lock.json")).json();
  const locked = Object.entries<Record<string, unknown>>(packages).filter(([path]) => path !== "");
  expect(locked.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([]);
  const running = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
  expect(running).toEqual(Object.keys(allowScripts).map((name) => `node_modules/${name}`));
  expect(Object.keys(scripts).filter((name) => /install|prepare/.test(name))).toEqual([]);
});
