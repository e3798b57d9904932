/** `bun run doctor`: what is here, what is missing, what to do about it. */
import { Database } from "bun:sqlite";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { errorText, type LogAnswer, problemLine, Sources, status } from "../web/model/index.ts";
import { archiveState, extensionFile } from "./archive/index.ts";
import { nowUs } from "./base/clock.ts";
import { type DataPaths, dataPaths, kindDamage, readKind } from "./base/data-dir.ts";
import { sentence, TidemarkError } from "./base/errors.ts";
import { LOG_ANSWER_MS_MAX } from "./base/limits.ts";
import { printable } from "./base/printable.ts";
import { damageOf, openReadOnly } from "./base/sqlite.ts";
import { buildCommand, type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG } from "./command/flags.ts";
import type { Problem } from "./contract/problems.ts";
import { type LogEnds, logEnds, logName, repairLog, repairText } from "./log/index.ts";

interface DoctorOptions {
  data: string;
  log: string;
  deep?: boolean;
  repairLog?: boolean;
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
  summary: "Says what is here, what is missing and what to do. Changes nothing, except with --repair-log.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    { flags: "--deep", description: "read every page of the files, too: seconds a gigabyte" },
    {
      flags: "--repair-log",
      description:
        "correct append times that a wrong clock wrote into the embedded log (in the future, or before 2016), with no stage running; then rebuild windows.db and ticks.db",
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run doctor",
    "bun run doctor --deep",
    "bun run doctor --repair-log",
    "bun run doctor --data data/replay --json",
  ],
  async run(options, { logger }) {
    const paths = dataPaths(options.data);
    if (options.repairLog) {
      const repair = repairLog(paths, logger);
      process.stdout.write(`${options.json ? JSON.stringify(repair) : repairText(repair, paths)}\n`);
      return 0;
    }
    const findings = [
      bun(),
      sqlite(),
      extension(),
      directory(paths),
      ...files(paths, options.deep === true),
      ...archive(paths, options.deep === true),
      settings(options),
    ];
    const log = await askLog(logEnds(options.log, paths, logger));
    const name = logName(options.log);
    findings.push(logState(name, log), ...(await health(name, paths, log)));
    if (options.json) process.stdout.write(`${JSON.stringify(findings)}\n`);
    else process.stdout.write(`${tableOf(findings)}\n`);
    return findings.every((finding) => finding.ok) ? 0 : 1;
  },
};

function tableOf(findings: Finding[]): string {
  const rows = findings.map(({ what, found, ok, advice }) => ({
    what: printable(what),
    found: printable(found),
    "what to do": ok ? "" : printable(advice),
  }));
  return Bun.inspect.table(rows);
}

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
    accessSync(paths.root, constants.R_OK | constants.X_OK);
    const damage = kindDamage(paths);
    if (damage !== null) return { what, found: damage.message, ok: false, advice: damage.hint ?? "" };
    const readOnly = isWritable(paths.root)
      ? ""
      : ", read only: serve, query and doctor work, the stages can't store here";
    return { what, found: `${paths.root} (${readKind(paths) ?? "no feed yet"}${readOnly})`, ok: true, advice: "" };
  } catch (error) {
    return {
      what,
      found: sentence(error),
      ok: false,
      advice: "Change its permissions, or choose another with --data DIR.",
    };
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
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
  let db: Database | null = null;
  try {
    db = openReadOnly(path);
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
  const shown = { data: options.data, log: logName(options.log) };
  const sources = (["data", "log"] as const).map(
    (name) => `${name} = ${shown[name]} (${command.getOptionValueSource(name)})`,
  );
  return { what: "settings", found: sources.join(", "), ok: true, advice: "" };
}

/** What the log answered, and the error that it answered with or that a right is lacking. */
type Asked = LogAnswer & { fault: unknown; problems: Problem[] };

/** Asks the log once, for at most LOG_ANSWER_MS_MAX. */
async function askLog(ends: LogEnds): Promise<Asked> {
  const late = Bun.sleep(LOG_ANSWER_MS_MAX).then(() => {
    throw new TidemarkError(
      "LOG_UNREACHABLE",
      `The log has not answered for ${LOG_ANSWER_MS_MAX / 1_000} s.`,
      "Check that the broker runs, that it is not stopped or overloaded, and the network.",
    );
  });
  late.catch(() => {});
  try {
    const spans = await Promise.race([ends.ask(), late]);
    const fault = await Promise.race([ends.lacking(), late]);
    return {
      spans,
      asked_us: nowUs(),
      error: fault && errorText(fault),
      away_us: null,
      fault,
      problems: ends.problems(),
    };
  } catch (error) {
    return { spans: null, asked_us: null, error: errorText(error), away_us: nowUs(), fault: error, problems: [] };
  } finally {
    ends.reset();
  }
}

/** An error's own sentence and hint: they say what was met. */
function logState(name: string, { spans, fault, problems }: Asked): Finding {
  const what = "log";
  if (fault !== null) {
    const advice = fault instanceof TidemarkError ? fault.hint : "--log names another log.";
    return { what, found: sentence(fault), ok: false, advice };
  }
  if (spans === null) return { what, found: "nothing produced yet", ok: true, advice: "" };
  const found = spans.map((span) => `partition ${span.partition}: offsets ${span.start} to ${span.end}`).join("; ");
  return { what, found: `${name}: ${found}`, ok: problems.length === 0, advice: problems[0]?.sentence ?? "" };
}

/**
 * The problems that the page shows, in the same sentences. Where no stage runs at all, none is expected to make progress: that is one
 * line, and no fault.
 */
async function health(name: string, paths: DataPaths, log: LogAnswer): Promise<Finding[]> {
  if (!existsSync(paths.root)) return [];
  const sources = new Sources(paths, { name, last: log, refresh: async () => {} });
  try {
    const { stages, problems } = await status(sources);
    const rests = !stages.some(({ name, state, ended }) => name !== "batch" && state === "running" && !ended);
    const expected = (code: string) => rests && (code === "stage-absent" || code === "stage-silent");
    const shown = problems
      .filter(({ stage, code }) => !expected(code) && stage !== "log")
      .map((one) => ({ what: one.stops ? "problem" : "note", found: problemLine(one), ok: !one.stops, advice: "" }));
    const rest = { what: "stages", found: "none runs now: bun run start", ok: true, advice: "" };
    return rests && problems.some(({ code }) => expected(code)) ? [rest, ...shown] : shown;
  } finally {
    sources.close();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

await runCommand(spec, import.meta.main);
