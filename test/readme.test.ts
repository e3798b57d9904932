/**
 * The README is true: its walk through every step by hand runs as it is, and gives the recorded
 * hour's numbers.
 */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ROOT, tempDir } from "./support/data.ts";
import { freePort } from "./support/kafka.ts";
import { shell } from "./support/process.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const blocks = (language: string) =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1]!);

/** The project as a clone would have it, but with a data directory of its own. */
function clone(path: string): void {
  for (const name of readdirSync(ROOT))
    if (!["data", ".git", ".cache"].includes(name)) symlinkSync(join(ROOT, name), join(path, name));
  if (readdirSync(ROOT).includes(".cache")) symlinkSync(join(ROOT, ".cache"), join(path, ".cache"));
  mkdirSync(join(path, "data"));
  symlinkSync(join(ROOT, "data/recordings"), join(path, "data/recordings"));
}

/** Runs a block of the README, whose first failure ends it. */
function walked(script: string, cwd: string) {
  const PATH = `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`;
  return shell(`set -e\n${script}`, { cwd, env: { PATH, NO_COLOR: "1" } });
}

for (const first of ["bun run replay --port 8400", "npm run -s replay -- --port 8400"]) {
  test(`the recorded hour through every step by hand, to its own end: ${first.slice(0, 3)}`, async () => {
    using dir = tempDir();
    clone(dir.path);
    const walk = blocks("sh").find((block) => block.includes(first))!;
    const ran = await walked(`${walk.replaceAll("8400", String(await freePort()))}wait\n`, dir.path);
    expect([ran.code, ran.stderr.match(/error.*/i)?.[0] ?? ""]).toEqual([0, ""]);
    expect(ran.stdout).toContain("13197");
    expect(ran.stdout).toContain("340097766.67");
  }, 120_000);
}

test("what it shows for npm it shows for Bun too, and the other way round", () => {
  const plain = (line: string) => line.replace(/^(npm|bun)( run)?( -s)? /, "").replace(" -- ", " ");
  const lines = [
    ...blocks("sh").flatMap((block) => block.split("\n")),
    ...[...README.matchAll(/\| `((?:npm|bun) [^`]+)`/g)].map((m) => m[1]!),
  ];
  const of = (runner: string) =>
    lines.filter((line) => line.startsWith(`${runner} `) && /^\w+ (run|start)/.test(line)).map(plain);
  const bunOnly = /^(test:kafka|start --log)/;
  expect(
    of("bun")
      .filter((line) => !bunOnly.test(line))
      .sort(),
  ).toEqual(of("npm").sort());
});

test("the metric it shows works when its file is saved", async () => {
  using dir = tempDir();
  clone(dir.path);
  const [metric] = blocks("sql");
  mkdirSync(join(dir.path, "mine"));
  await Bun.write(join(dir.path, "mine/volume_by_minute.sql"), metric!);
  const port = await freePort();
  const script = `bun run replay --port ${port} --speed max &
bun run produce --feed ws://127.0.0.1:${port} --until-end --data data/try
bun run consume --until-end --data data/try
bun run batch --data data/try --sql mine --json
cat data/try/batch_output/metrics/volume_by_minute.csv
wait
`;
  const ran = await walked(script, dir.path);
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining("minute,volume\n2023-09-05T16:00:00.000000Z,")]);
}, 120_000);

test("every command of its table shows its help", async () => {
  const named = [...README.matchAll(/^\| `(\w+)` \| /gm)].map((match) => match[1]!);
  expect(named.length).toBeGreaterThanOrEqual(11);
  for (const name of named) {
    const { code, stdout } = await walked(`bun run --silent ${name} --help`, ROOT);
    expect([name, code]).toEqual([name, 0]);
    expect(stdout).toContain("Examples:");
  }
}, 120_000);
