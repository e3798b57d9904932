/** House rules as a test: who may import whom, lengths, banned calls with their replacement (../docs/decisions/0001-house.md). */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;

/** Rooms that a room's files may import, by longest prefix (ARCHITECTURE.md); stages and commands compose them. */
const PURE = ["scripts/contract", "scripts/base"];
const LOGS = ["scripts/log/shared", "scripts/log/embedded", "scripts/log/kafka"];
const ROOMS = ["message", "measure", "feed", "simulator", "log", "window", "store", "sink", "archive", "metrics"].map(
  (name) => `scripts/${name}`,
);
const STAGES = [...PURE, ...ROOMS, ...LOGS];
const MAY_IMPORT: Record<string, string[]> = {
  "scripts/contract": [],
  "scripts/base": ["scripts/contract"],
  "scripts/command": PURE,
  "scripts/message": PURE,
  "scripts/measure": PURE,
  "scripts/window": PURE,
  "scripts/sink": PURE,
  "scripts/store": PURE,
  "scripts/archive": PURE,
  "scripts/feed": [...PURE, "scripts/message"],
  "scripts/simulator": PURE,
  "scripts/log/shared": PURE,
  "scripts/log/embedded": [...PURE, "scripts/log/shared"],
  "scripts/log/kafka": [...PURE, "scripts/log/shared"],
  "scripts/log": [...PURE, ...LOGS],
  "scripts/metrics": [...PURE, "scripts/archive"],
  "scripts/stages": [...STAGES, "scripts/command"],
  "scripts/supervisor": [...STAGES, "scripts/command"],
  "scripts/drill": STAGES,
  "scripts/bench": [...STAGES, "scripts/command", "scripts/stages"],
  scripts: [
    ...STAGES,
    "scripts/command",
    "scripts/stages",
    "scripts/supervisor",
    "scripts/drill",
    "scripts/bench",
    "web",
    "web/model",
  ],
  "web/model": [...PURE, "scripts/measure"],
  "web/http": [...PURE, "scripts/measure", "web/model"],
  "web/pages": ["web/model"],
  "web/answers": [...PURE, "web/model", "web/http", "web/pages"],
  web: [...PURE, "web/model", "web/http", "web/pages", "web/answers"],
};
/** The longest room that a file is in. */
const roomOf = (file: string) =>
  Object.keys(MAY_IMPORT)
    .filter((room) => file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];

/** Edges that are left to cut. */
const DEBT = new Set([
  "scripts/contract/log.ts imports scripts/base/errors.ts",
  "scripts/feed/feed-flags.ts imports scripts/command/cli.ts",
  "scripts/log/embedded/repair.ts imports scripts/command/stage-lock.ts",
  "scripts/log/follow.ts imports scripts/command/cli.ts",
  "scripts/metrics/results.ts imports scripts/measure/run-stats.ts",
  "scripts/metrics/sandbox-child.ts imports scripts/measure/run-stats.ts",
  "scripts/simulator/player.ts imports scripts/message/index.ts",
  "scripts/simulator/recording.ts imports scripts/message/index.ts",
  "scripts/simulator/session.ts imports scripts/message/index.ts",
  "web/answers/download.ts imports scripts/command/cli.ts",
  "web/model/dead-letters.ts imports scripts/stages/progress.ts",
  "web/pages/layout.tsx imports web/http/assets.ts",
  "web/pages/page.tsx imports web/http/assets.ts",
]);

const BANNED: { pattern: RegExp; except: RegExp; say: string }[] = [
  {
    pattern: /\bDate\.now\(|performance\.now\(|new Date\(\)/,
    except: /base\/clock\.ts$/,
    say: "use base/clock.ts",
  },
  { pattern: /\bconsole\.\w+\(/, except: /$^/, say: "use the logger, or process.stdout for data" },
  { pattern: /parseFloat\([^)]*(price|size|volume)/i, except: /$^/, say: "use base/decimal.ts" },
  { pattern: /\b(FIXME|XXX|HACK)\b/, except: /$^/, say: "do it, or file it" },
  { pattern: /from "kafkajs"/, except: /log\/kafka\//, say: "kafkajs is confined to log/kafka/" },
  {
    pattern: /from "@duckdb\/node-api"/,
    except: /scripts\/(archive|metrics)\/|scripts\/query\.ts$/,
    say: "DuckDB is confined to archive/ and metrics/",
  },
  { pattern: /\btransport:/, except: /$^/, say: "pino's transport does not start on Bun 1.4.5" },
  { pattern: /\braw\(/, except: /$^/, say: "raw() is not escaped; use JSX" },
];

function sources(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => join(dir, name).replaceAll("\\", "/"));
}

const OURS = [...sources("scripts"), ...sources("web")];
const text = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("imports go only where house rules let them", () => {
  const wrong: string[] = [];
  for (const file of OURS) {
    const home = roomOf(file)!;
    for (const [, target] of text(file).matchAll(/from "(\.[^"]+)"/g)) {
      const path = normalize(join(dirname(file), target!)).replaceAll("\\", "/");
      const room = roomOf(path);
      if (path.startsWith("sql/") || room === home || MAY_IMPORT[home]!.includes(room!)) continue;
      if (!DEBT.has(`${file} imports ${path}`)) wrong.push(`${file} imports ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test(`files have at most ${FILE_LINES_MAX} lines`, () => {
  const all = [...OURS, ...sources("test")];
  expect(all.filter((file) => text(file).split("\n").length > FILE_LINES_MAX + 1)).toEqual([]);
});

test(`functions have at most ${FUNCTION_LINES_MAX} lines`, () => {
  const long: string[] = [];
  for (const file of OURS) {
    const lines = text(file).split("\n");
    lines.forEach((line, start) => {
      const head =
        /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:static |async |get |set |private |#|\*)*[#\w]+\([^)]*\)[^;=]*\{$)/.exec(
          line,
        );
      if (!head || !line.trimEnd().endsWith("{") || /^\s*(if|for|while|switch|catch|return|else)\b/.test(line)) return;
      const end = lines.findIndex((other, i) => i > start && other.startsWith(`${head[1]}}`));
      if (end - start + 1 > FUNCTION_LINES_MAX) long.push(`${file}:${start + 1} has ${end - start + 1} lines`);
    });
  }
  expect(long).toEqual([]);
});

test("no banned call is left", () => {
  const found: string[] = [];
  for (const file of OURS) {
    text(file)
      .split("\n")
      .forEach((line, i) => {
        for (const { pattern, except, say } of BANNED) {
          if (pattern.test(line) && !except.test(file) && !/^\s*(\*|\/\/|\/\*)/.test(line))
            found.push(`${file}:${i + 1}: ${say}`);
        }
      });
  }
  expect(found).toEqual([]);
});

test("every file begins by saying what it is", () => {
  expect(OURS.filter((file) => !/^(#!.*\n)?\s*\/\*[*\s]/.test(text(file)))).toEqual([]);
});

test("no file is dead: each is a command or is imported", () => {
  const all = OURS.map((file) => ({ file, text: text(file) }));
  const dead = OURS.filter((file) => {
    if (dirname(file) === "scripts" || file.startsWith("web/public/")) return false;
    const name = relative(ROOT, join(ROOT, file)).split("/").at(-1)!;
    if (name === "index.ts") return false;
    return (
      !all.some((other) => other.file !== file && other.text.includes(`/${name}"`)) &&
      !all.some((o) => o.text.includes(`"${name}"`) || (o.text.includes(`/${name}`) && o.file !== file))
    );
  });
  expect(dead).toEqual([]);
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

test("every package has one version, and only those named in allowScripts run a script when they are installed", () => {
  const { dependencies, devDependencies, allowScripts, scripts } = JSON.parse(text("package.json"));
  const versions = Object.values<string>({ ...dependencies, ...devDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Record<string, unknown>> };
  const locked = Object.entries(packages).filter(([path]) => path !== "");
  expect(locked.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([]);
  const running = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
  expect(running).toEqual(Object.keys(allowScripts).map((name) => `node_modules/${name}`));
  expect(Object.keys(scripts).filter((name) => /install|prepare/.test(name))).toEqual([]);
});
