/** House rules as a test: who may import whom, lengths, banned calls with their replacement (../docs/decisions/0001-house.md). */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;

/** Folders that a folder's files may import; commands and stages compose all pipeline folders. */
const PIPELINE = ["common", "tick", "feed", "log", "window", "store", "sink", "batch"];
const MAY_IMPORT: Record<string, string[]> = {
  "scripts/common": [],
  "scripts/tick": ["common"],
  "scripts/feed": ["common", "tick"],
  "scripts/log": ["common"],
  "scripts/window": ["common"],
  "scripts/store": ["common"],
  "scripts/sink": ["common"],
  "scripts/batch": ["common"],
  "scripts/supervisor": ["common", "feed", "log"],
  "scripts/stages": PIPELINE,
  "scripts/bench": [...PIPELINE, "stages", "supervisor"],
  "scripts/drill": PIPELINE,
  scripts: [...PIPELINE, "stages", "supervisor", "bench", "drill", "web"],
  web: ["common"],
};

const BANNED: { pattern: RegExp; except: RegExp; say: string }[] = [
  {
    pattern: /\bDate\.now\(|performance\.now\(|new Date\(\)/,
    except: /common\/clock\.ts$/,
    say: "use common/clock.ts",
  },
  { pattern: /\bconsole\.\w+\(/, except: /$^/, say: "use the logger, or process.stdout for data" },
  { pattern: /parseFloat\([^)]*(price|size|volume)/i, except: /$^/, say: "use common/decimal.ts" },
  { pattern: /\b(FIXME|XXX|HACK)\b/, except: /$^/, say: "do it, or file it" },
  { pattern: /from "kafkajs"/, except: /log\/kafka[\w-]*\.ts$/, say: "kafkajs is confined to log/kafka*.ts" },
  {
    pattern: /from "@duckdb\/node-api"/,
    except: /scripts\/batch\/|scripts\/query\.ts$/,
    say: "DuckDB is confined to batch/",
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
    const home = Object.keys(MAY_IMPORT).find(
      (folder) => dirname(file) === folder || (folder !== "scripts" && file.startsWith(`${folder}/`)),
    );
    if (home === undefined) {
      wrong.push(`${file}: its folder has no import rule`);
      continue;
    }
    for (const [, target] of text(file).matchAll(/from "(\.[^"]+)"/g)) {
      const path = normalize(join(dirname(file), target!)).replaceAll("\\", "/");
      const allowed = MAY_IMPORT[home]!.map((name) => (name === "web" ? "web/" : `scripts/${name}/`));
      const inside = home === "scripts" ? false : path.startsWith(`${home}/`);
      const isSql = path.startsWith("sql/") && path.endsWith(".sql");
      if (!inside && !isSql && !allowed.some((prefix) => path.startsWith(prefix)))
        wrong.push(`${file} imports ${path}`);
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
    return (
      !all.some((other) => other.file !== file && other.text.includes(`/${name}"`)) &&
      !all.some((o) => o.text.includes(`"${name}"`) || (o.text.includes(`/${name}`) && o.file !== file))
    );
  });
  expect(dead).toEqual([]);
});

test("the pure parts bundle for the browser target", async () => {
  const entrypoints = ["window/job.ts", "window/windower.ts", "tick/extract.ts", "tick/parse.ts", "common/decimal.ts"];
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
