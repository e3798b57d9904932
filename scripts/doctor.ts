/** `bun run doctor`: what is here, what is missing, what to do about it. */
import { Database } from "bun:sqlite";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { archiveState } from "./batch/read-archive.ts";
import { extensionFile } from "./batch/sqlite-extension.ts";
import { buildCommand, type CommandSpec, runCommand } from "./common/cli.ts";
import { sentence } from "./common/errors.ts";
import { DATA_FLAG, type DataPaths, dataPaths, JSON_FLAG, LOG_FLAG, readKind } from "./common/settings.ts";
import { damageOf, openReadOnly } from "./common/sqlite.ts";
import { openLog } from "./log/open.ts";

interface DoctorOptions {
  data: string;
  log: string;
  deep?: boolean;
  json?: boolean;
}

/** `ok` false: something does not work as it is; `advice` says what to do. */
interface Finding {
  what: string;
  found: string;
  ok: boolean;
  advice: string;
}

/** The last release of SQLite with the WAL-reset bug is 3.51.2 (sqlite.org/wal.html#walresetbug). */
const SQLITE_SOUND = [3, 51, 3];

export const spec: CommandSpec<DoctorOptions> = {
  name: "doctor",
  summary: "Says what is here, what is missing and what to do. Changes nothing.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    { flags: "--deep", description: "read every page of the files, too: seconds a gigabyte" },
    JSON_FLAG,
  ],
  examples: ["bun run doctor", "bun run doctor --deep", "bun run doctor --data data/replay --json"],
  async run(options, { logger }) {
    const paths = dataPaths(options.data);
    const findings = [
      bun(),
      sqlite(),
      extension(),
      directory(paths),
      ...files(paths, options.deep === true),
      ...archive(paths, options.deep === true),
      settings(options),
    ];
    findings.push(await logState(options, paths, logger));
    if (options.json) process.stdout.write(`${JSON.stringify(findings)}\n`);
    else
      process.stdout.write(
        `${Bun.inspect.table(findings.map((f) => ({ what: f.what, found: f.found, "what to do": f.ok ? "" : f.advice })))}\n`,
      );
    return findings.every((finding) => finding.ok) ? 0 : 1;
  },
};

function bun(): Finding {
  const ok = Bun.semver.satisfies(Bun.version, ">=1.4.0");
  return {
    what: "Bun",
    found: Bun.version,
    ok,
    advice: "Run npm install: it brings the Bun that Tidemark is tested with.",
  };
}

function sqlite(): Finding {
  const { version } = new Database(":memory:")
    .query<{ version: string }, []>("SELECT sqlite_version() AS version")
    .get()!;
  const parts = version.split(".").map(Number);
  const first = parts.findIndex((part, i) => part !== SQLITE_SOUND[i]);
  const ok = first < 0 || parts[first]! > SQLITE_SOUND[first]!;
  const advice = "This SQLite can corrupt a WAL under two writers (fixed in 3.51.3): use a newer Bun.";
  return { what: "SQLite of Bun", found: version, ok, advice };
}

function extension(): Finding {
  const file = extensionFile();
  return {
    what: "DuckDB's sqlite extension",
    found: file ?? "not here: the batch reads through bun:sqlite instead, with the same answers",
    ok: true,
    advice: "",
  };
}

function directory(paths: DataPaths): Finding {
  const what = "data directory";
  if (!existsSync(paths.root)) return { what, found: `${paths.root}: not made yet`, ok: true, advice: "" };
  try {
    accessSync(paths.root, constants.W_OK);
    return { what, found: `${paths.root} (${readKind(paths) ?? "no feed yet"})`, ok: true, advice: "" };
  } catch (error) {
    return {
      what,
      found: sentence(error),
      ok: false,
      advice: "Change its permissions, or choose another with --data DIR.",
    };
  }
}

function files(paths: DataPaths, deep: boolean): Finding[] {
  return [paths.log, paths.ticks, paths.windows, paths.results].filter(existsSync).map((path) => {
    const wal = existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0;
    const damage = deep ? damageIn(path) : null;
    const state = damage ?? (deep ? "every page is sound" : null);
    const found = [megabytes(statSync(path).size), `WAL ${megabytes(wal)}`, ...(state === null ? [] : [state])].join(
      ", ",
    );
    const advice =
      damage === null
        ? "A long reader keeps the WAL from being reset: end it."
        : "See TIDEMARK_STORE_CORRUPT in docs/errors.md.";
    return { what: basename(path), found, ok: wal < 256e6 && damage === null, advice };
  });
}

function archive(paths: DataPaths, deep: boolean): Finding[] {
  const state = archiveState(paths.archive, deep);
  return state === null ? [] : [{ what: "archive", ...state }];
}

function damageIn(path: string): string | null {
  const db = openReadOnly(path);
  try {
    return db === null ? null : damageOf(db);
  } catch (error) {
    return sentence(error);
  } finally {
    db?.close();
  }
}

/** Each setting with its source: flag beats variable beats default. */
function settings(options: DoctorOptions): Finding {
  const command = buildCommand(spec);
  command.parse(process.argv);
  const sources = (["data", "log"] as const).map(
    (name) => `${name} = ${options[name]} (${command.getOptionValueSource(name)})`,
  );
  return { what: "settings", found: sources.join(", "), ok: true, advice: "" };
}

async function logState(
  options: DoctorOptions,
  paths: DataPaths,
  logger: Parameters<typeof openLog>[2]["logger"],
): Promise<Finding> {
  const what = "log";
  if (options.log.startsWith("embedded") && !existsSync(paths.log)) {
    return { what, found: "nothing produced yet", ok: true, advice: "" };
  }
  try {
    const log = await openLog(options.log, paths, { role: "reader", logger });
    const spans = await log.spans();
    await log.close();
    const found = spans.map((span) => `partition ${span.partition}: offsets ${span.start} to ${span.end}`).join("; ");
    return { what, found: `${log.name}: ${found}`, ok: true, advice: "" };
  } catch (error) {
    return { what, found: sentence(error), ok: false, advice: "Start the broker, or use --log embedded:." };
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

await runCommand(spec, import.meta.main);
