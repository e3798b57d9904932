/**
 * The house's rules as functions of the tree: rooms and their doors, names, dead code, lengths,
 * comments, banned calls.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ROOT } from "../support/data.ts";
import { commentLines, importsOf, type Rule, sources, type Tree } from "./tree.ts";

const FILE_LINES_MAX = 300;
const COMMENT_WIDTH_MAX = 100;
const COMMAND_LINES_MAX = 80;

/**
 * Rooms that each room's files may import; a file belongs to the longest room in its path
 * (ARCHITECTURE.md).
 */
const PURE = ["scripts/contract", "scripts/base"];
const LOGS = ["scripts/log/shared", "scripts/log/embedded", "scripts/log/kafka"];
const ROOMS = [
  "message",
  "measure",
  "feed",
  "simulator",
  "log",
  "window",
  "store",
  "sink",
  "archive",
  "metrics",
  "audit",
].map((name) => `scripts/${name}`);
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
  "scripts/audit": [...PURE, "scripts/message", "scripts/window", "scripts/archive"],
  "scripts/stages": [...STAGES, "scripts/command"],
  "scripts/supervisor": [...STAGES, "scripts/command"],
  "scripts/drill": STAGES,
  "scripts/verify": STAGES,
  "scripts/doctor": [...STAGES, "web/model"],
  "scripts/bench": [...STAGES, "scripts/command", "scripts/stages"],
  scripts: [
    ...STAGES,
    "scripts/command",
    "scripts/stages",
    "scripts/supervisor",
    "scripts/drill",
    "scripts/verify",
    "scripts/doctor",
    "scripts/bench",
    "web",
    "web/model",
  ],
  "web/model": [...PURE, "scripts/measure"],
  "web/http": [...PURE, "scripts/measure", "web/model"],
  // Of web/public only figure-words.ts: the words of figures that the browser then moves.
  "web/pages": ["scripts/contract", "web/model", "web/public"],
  "web/answers": [...PURE, "web/model", "web/http", "web/pages"],
  // Runs in the browser: files of these rooms that need no Node.
  "web/public": [...PURE, "scripts/measure", "scripts/message", "scripts/window"],
  web: [...PURE, "web/model", "web/http", "web/pages", "web/answers"],
};

/** Rooms that others enter through `index.ts` alone; the rooms not named here are entered file by file. */
const WITH_DOOR = [...ROOMS.filter((room) => !/measure|sink/.test(room)), "web/model"];

/** Doors beside the first, each with why. */
const SECOND_DOORS: Record<string, string> = {
  "scripts/archive/collect.ts": "attaches the stores to DuckDB, which doctor opens with Bun's SQLite",
  "scripts/archive/pruning.ts": "prune must never have DuckDB in its process",
  "scripts/metrics/metric.ts": "reads metric files in processes without DuckDB",
  "scripts/metrics/results-db.ts": "the schedule writes what it missed, without DuckDB",
  "scripts/metrics/folder-watch.ts": "the schedule watches the folder, without DuckDB",
  "scripts/simulator/recording.ts": "start and record have recordings without the exchange's server and zod",
  "scripts/log/kafka/raw-reader.ts": "the bench's stock client: kafkajs without our patches",
};

/** Files of one name that are neither doors nor command and stage, each with why. */
const SAME_NAMES: Record<string, string> = {
  "verify.ts": "archive/ checks its own files, the command checks the measures: both verify what they are named for",
  "clock.ts": "base/ reads the machine's clock, window/ keeps event time: both are what the word means in their room",
};

const roomOf = (file: string) =>
  Object.keys(MAY_IMPORT)
    .filter((room) => (room.includes("/") ? file.startsWith(`${room}/`) : dirname(file) === room))
    .sort((a, b) => b.length - a.length)[0];
/** The door's room: log/embedded and log/kafka are entered through log/. */
const doorOf = (file: string) => WITH_DOOR.find((room) => file.startsWith(`${room}/`));

export const importTable: Rule = (tree) =>
  sources(tree).flatMap((file) => {
    const room = roomOf(file);
    if (room === undefined) return [`${file} is in no room of the import table`];
    return importsOf(file, tree.get(file)!)
      .map(({ target }) => target)
      .filter((target) => !target.startsWith("sql/") && !target.startsWith("package.json"))
      .filter((target) => roomOf(target) !== room && !MAY_IMPORT[room]!.includes(roomOf(target) ?? ""))
      .map((target) => `${file} imports ${target}`);
  });

export const doors: Rule = (tree) =>
  sources(tree).flatMap((file) =>
    importsOf(file, tree.get(file)!)
      .map(({ target }) => target)
      .filter((target) => {
        const door = doorOf(target);
        if (door === undefined || file.startsWith(`${door}/`) || target === `${door}/index.ts`) return false;
        const isNeighbour = file.startsWith("web/") && target.startsWith("web/");
        return !isNeighbour && !(target in SECOND_DOORS);
      })
      .map((target) => `${file} enters ${doorOf(target)} beside its door: ${target}`),
  );

/** One name, one file: doors, and a command with the stage of its name, are the only ones that repeat. */
export const uniqueNames: Rule = (tree) => {
  const byName = Map.groupBy(
    [...tree.keys()].filter((file) => /^(scripts|web)\//.test(file) && /\.(tsx?|js)$/.test(file)),
    (file) => basename(file).replace(/\.(tsx?|js)$/, ""),
  );
  return [...byName].flatMap(([name, files]) => {
    const isStage =
      files.length === 2 && files.includes(`scripts/${name}.ts`) && files.includes(`scripts/stages/${name}.ts`);
    const isListed = `${name}.ts` in SAME_NAMES && files.length === 2;
    return files.length < 2 || name === "index" || isStage || isListed ? [] : [`${name}: ${files.join(", ")}`];
  });
};

const EXPORT = /^export (?:async |abstract |declare )*(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;

/**
 * Every file is a command or is used, and every name that it exports is imported: by the program, or
 * by a test.
 */
export const deadCode: Rule = (tree) => {
  const used = new Map<string, Set<string>>();
  for (const [file, text] of tree) {
    if (!/\.(tsx?|js)$/.test(file)) continue;
    for (const { target, names } of importsOf(file, text)) {
      const known = used.get(target) ?? new Set();
      used.set(target, known);
      for (const name of names) known.add(name);
    }
  }
  const all = [...tree].map(([file, text]) => ({ file, text }));
  return sources(tree).flatMap((file) => {
    if (dirname(file) === "scripts" || file === "web/server.ts") return [];
    const names = used.get(file);
    // A file that is run as a process of its own is named as text.
    if (names === undefined)
      return all.some((other) => other.file !== file && other.text.includes(`${basename(file)}"`))
        ? []
        : [`${file} is dead`];
    if (names.has("*")) return [];
    return [...exportsOf(tree.get(file)!)]
      .filter((name) => !names.has(name))
      .map((name) => `${file} exports ${name} to nobody`);
  });
};

function exportsOf(text: string): Set<string> {
  const found = new Set([...text.matchAll(EXPORT)].map(([, name]) => name!));
  for (const [, list] of text.matchAll(/^export (?:type )?\{([^}]*)\}/gm))
    for (const name of list!.split(","))
      if (name.trim())
        found.add(
          name
            .trim()
            .replace(/^type /, "")
            .split(" as ")
            .at(-1)!,
        );
  return found;
}

export const fileLength: Rule = (tree) =>
  [...tree]
    .filter(([file]) => /^(scripts|web|test)\/.*\.tsx?$/.test(file))
    .map(([file, text]) => ({ file, lines: text.split("\n").length - 1 }))
    .filter(({ file, lines }) => lines > (dirname(file) === "scripts" ? COMMAND_LINES_MAX : FILE_LINES_MAX))
    .map(({ file, lines }) => `${file} has ${lines} lines`);

/** Prose that is wider than a reader's eye takes in. The first comment names the file in one sentence. */
export const comments: Rule = (tree) =>
  [...tree].flatMap(([file, text]) => {
    if (!/^(scripts|web|test|sql)\/.*\.(tsx?|js|sql|c)$/.test(file)) return [];
    const lines = commentLines(file, text);
    const wide = lines
      .filter(({ text }) => text.length > COMMENT_WIDTH_MAX && !/https?:|^biome-ignore|^@ts-|^description:/.test(text))
      .map(({ line, text }) => `${file}:${line}: a comment of ${text.length} characters`);
    const opens = lines[0] !== undefined && lines[0].line <= 2;
    return opens || file.endsWith(".d.ts") ? wide : [`${file} does not begin with what it is`, ...wide];
  });

const CITED = /(?<![\w./*-])((?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:tsx?|md|sql|c|js))\b(?![/*])/g;
/** Files of packages or of users, which comments name as examples. */
const NOT_OURS =
  /^(?:(?:sql\/metrics|test|scripts)\/)?(mine|file|NAME|main|index|my_metric|own|x|a|b|one|two|node|uPlot\.\w+|htmx|sse|charts?|spark)\.|^(kafkajs|node_modules|src)\//;

/**
 * A cited file exists: from the root, beside the citing file, in its parent, or by its bare name
 * somewhere.
 */
export const citations: Rule = (tree) => {
  const names = new Set(
    [...tree.keys()].flatMap((file) => file.split("/").map((_, i, parts) => parts.slice(i).join("/"))),
  );
  const prose = (file: string, text: string) =>
    file.endsWith(".md") ? text.split("\n").map((text, i) => ({ line: i + 1, text })) : commentLines(file, text);
  return [...tree].flatMap(([file, text]) => {
    if (!/\.(md|tsx?|js|sql|c)$/.test(file) || file === "CHANGELOG.md") return [];
    return prose(file, text).flatMap(({ line, text }) =>
      [...text.replace(/https?:\S+/g, "").matchAll(CITED)]
        .map(([, cited]) => cited!)
        .filter((cited) => !names.has(cited) && !NOT_OURS.test(cited) && !existsSync(join(ROOT, dirname(file), cited)))
        .map((cited) => `${file}:${line} cites ${cited}, which is not there`),
    );
  });
};

const BANNED: { pattern: RegExp; except: RegExp; write: string }[] = [
  {
    pattern: /\bDate\.now\(|performance\.now\(|new Date\(\)/,
    except: /base\/clock\.ts$|^web\/public\//,
    write: "base/clock.ts",
  },
  { pattern: /\bDate\.parse\(|new Date\(/, except: /base\/(clock|iso)\.ts$|^web\/public\//, write: "base/iso.ts" },
  { pattern: /\bconsole\.\w+\(/, except: /^web\/public\//, write: "the logger, or process.stdout for data" },
  { pattern: /parseFloat\([^)]*(price|size|volume)/i, except: /$^/, write: "base/decimal.ts" },
  { pattern: /\b(FIXME|XXX|HACK|TODO)\b/, except: /$^/, write: "nothing: do it, or file it" },
  { pattern: /from "kafkajs"/, except: /log\/kafka\//, write: "log/kafka/" },
  {
    pattern: /from "@duckdb\/node-api"/,
    except: /scripts\/(archive|audit|metrics)\//,
    write: "archive/, audit/ and metrics/",
  },
  { pattern: /\btransport:/, except: /$^/, write: "pino's streams: its transport does not start on Bun 1.4.5" },
  // Of text that JSX has rendered before.
  { pattern: /\braw\(/, except: /^web\/pages\/(parts|layout)\.tsx$/, write: "JSX: raw() is not escaped" },
  { pattern: /\bBun\.spawn(Sync)?\(/, except: /base\/process\.ts$/, write: "base/process.ts" },
  { pattern: /\brenameSync\(/, except: /base\/atomic-file\.ts$|archive\/own-files\.ts$/, write: "base/atomic-file.ts" },
  { pattern: /addEventListener\("abort"/, except: /base\/wait\.ts$/, write: "base/wait.ts" },
];

/** In tests. */
const BANNED_IN_TESTS: typeof BANNED = [
  { pattern: /\bBun\.spawn(Sync)?\(/, except: /^test\/(support|tidy)\//, write: "test/support/process.ts" },
];

export const bannedCalls: Rule = (tree) => {
  const tests = [...tree.keys()].filter((file) => /^test\/.*\.tsx?$/.test(file));
  return [...found(tree, sources(tree), BANNED), ...found(tree, tests, BANNED_IN_TESTS)];
};

function found(tree: Tree, files: string[], banned: typeof BANNED): string[] {
  return files.flatMap((file) =>
    tree
      .get(file)!
      .split("\n")
      .flatMap((line, i) =>
        banned
          .filter(({ pattern, except }) => pattern.test(line) && !except.test(file))
          .filter(() => !/^\s*(\*|\/\/|\/\*)/.test(line))
          .map(({ pattern, write }) => `${file}:${i + 1}: ${pattern.exec(line)![0]} → ${write}`),
      ),
  );
}

/** One tree with one changed file, for a rule's bad example. */
export function withFile(file: string, text: string, tree: Tree = new Map()): Tree {
  return new Map([...tree, [file, text]]);
}
