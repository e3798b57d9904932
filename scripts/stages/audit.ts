/** Opens ticks and answers of an audit, finds Spark's trace beside them, and writes the report. */
import { existsSync, readdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  type Audited,
  type AuditRecord,
  annotated,
  auditBatchRow,
  auditPage,
  auditText,
  auditTrades,
  auditWindows,
  fileRecords,
  inputOf,
  ofProduct,
  parseTickMap,
  readAnswers,
  readSparkTrace,
  recordsOfLog,
  reportView,
  requireCommonGround,
  type TopicRecord,
  tickSource,
  withoutHistory,
} from "../audit/index.ts";
import { writeAtomically } from "../base/atomic-file.ts";
import { nowUs } from "../base/clock.ts";
import { type DataPaths, dataPaths, requireForeign, requireNoOtherName } from "../base/data-dir.ts";
import { type ErrorCode, sentence, TidemarkError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { logName, wholeLog } from "../log/index.ts";

/** The command's options as commander names them. */
export interface AuditOptions {
  log: string;
  data: string;
  product?: string;
  tickMap?: string[];
  tickColumns?: string[];
  answers?: string;
  map?: string[];
  columns?: string[];
  window?: number;
  every?: number;
  zone?: string;
  checkpoint?: string;
  lateness?: number;
  withHistory?: boolean;
  trust?: string[];
  html?: string;
  all?: boolean;
  json?: boolean;
}

/** Errors of the files that an audit is given: with these it can't compare. */
const INPUT_ERRORS: readonly ErrorCode[] = ["NO_DATA", "RECORDING", "DATA_DIR"];

/** What was named can't be compared: exit 2, since 1 means that the answers differ. */
class NotComparable extends TidemarkError {
  override get exitCode(): 2 {
    return 2;
  }
}

/** Fails with USAGE, NO_DATA, RECORDING, DATA_DIR, all with exit 2, or as the log does. */
export async function audit(options: AuditOptions, logger: Logger): Promise<Audited> {
  try {
    return await compared(options, logger);
  } catch (error) {
    if (!(error instanceof TidemarkError) || !INPUT_ERRORS.includes(error.code)) throw error;
    throw new NotComparable(error.code, error.message, error.hint, { cause: error });
  }
}

async function compared(options: AuditOptions, logger: Logger): Promise<Audited> {
  const { answers: url, zone = null, window: size_us, every: every_us = size_us } = options;
  if (url === undefined)
    throw new TidemarkError(
      "USAGE",
      "--answers is missing: name the pipeline's answers.",
      "For example --answers stream_csv/, windows.parquet, results.db:windows or kafka://localhost:9092/answers.",
    );
  if (size_us === undefined && every_us !== undefined)
    throw new TidemarkError(
      "USAGE",
      "--every needs the size of the windows.",
      "Add --window, for example --window 5m.",
    );
  const traceDir = traceAt(options.checkpoint, url);
  const { name, records: all } = await ticksOf(options, logger);
  const found = await readAnswers(
    url,
    {
      records: all,
      map: options.map ?? [],
      columns: options.columns ?? null,
      zone,
      window: size_us === undefined ? null : { size_us, every_us: every_us! },
    },
    (topic) => topicRecords(topic, logger),
  );
  if (found.kind === "batch_row")
    return { kind: found.kind, input: inputOf(name, all), url, report: auditBatchRow(all, found.answers) };
  if (found.kind === "trades")
    return { kind: found.kind, input: inputOf(name, all), url, report: auditTrades(all, found.answers) };
  const records = options.withHistory ? all : withoutHistory(all);
  requireCommonGround(records, found.answers, options.product ?? null);
  const trace = traceDir === null ? undefined : readSparkTrace(traceDir.dir);
  const whole = auditWindows(records, found.answers, {
    input_url: name,
    answers_url: url,
    trace,
    lateness_us: options.lateness,
    product: options.product,
  });
  const report = options.product === undefined ? whole : ofProduct(whole, options.product);
  const { answers } = found;
  const { lateness: lateness_us } = options;
  const history = all.length - records.length;
  const noted = annotated(report, { records, answers, trace, lateness_us, history });
  const how = traceDir?.isFound ? [`Spark's checkpoint is beside the answers: ${traceDir.dir}.`] : [];
  return { kind: "windows", report: { ...noted, how: [...how, ...noted.how] } };
}

/** The ticks that --log names, and their name for people. */
async function ticksOf(options: AuditOptions, logger: Logger): Promise<{ name: string; records: AuditRecord[] }> {
  const { log, data, product = null, tickMap = [], tickColumns: columns = null } = options;
  const mapped = parseTickMap(tickMap);
  const source = tickSource(log);
  const read = async (url: string, paths: DataPaths, name: string) => {
    return { name, records: await recordsOfLog(name, wholeLog(url, paths, logger)) };
  };
  if (source.kind === "log") {
    const paths = dataPaths(data);
    return read(source.url, paths, logName(source.url) === "embedded:" ? paths.log : logName(source.url));
  }
  if (source.kind === "embedded") return read("embedded:", dataPaths(source.data), join(source.data, "log.db"));
  return { name: log, records: await fileRecords(source, { columns, mapped, product }) };
}

const decoder = new TextDecoder();

/** A topic of answers, read as a guest. */
async function* topicRecords(url: string, logger: Logger): AsyncGenerator<TopicRecord> {
  for await (const { partition, count, buffer, starts, ends, offsets, appended_us, key } of wholeLog(
    url,
    dataPaths("."),
    logger,
  )) {
    for (let i = 0; i < count; i++) {
      const value = decoder.decode(buffer(i).subarray(starts[i], ends[i]));
      yield {
        key: key(i) || null,
        value: value || null,
        partition,
        offset: offsets[i]!,
        appended_us: appended_us[i]!,
      };
    }
  }
}

/** Spark's checkpoint: --checkpoint, or the only one beside the answers; null without one. */
function traceAt(flag: string | undefined, answers: string): { dir: string; isFound: boolean } | null {
  if (flag === "none") return null;
  if (flag !== undefined) return { dir: flag, isFound: false };
  if (!existsSync(answers)) return null;
  const beside = statSync(answers).isDirectory() ? [answers, dirname(resolve(answers))] : [dirname(resolve(answers))];
  const found = beside.flatMap((folder) => checkpointsIn(folder));
  if (found.length > 1)
    throw new TidemarkError(
      "USAGE",
      `There are ${found.length} Spark checkpoints beside the answers: ${found.slice(0, 5).join(", ")}.`,
      "Name the one of this job with --checkpoint DIR, or use none with --checkpoint none.",
    );
  return found.length === 0 ? null : { dir: found[0]!, isFound: true };
}

/** Folders named after a checkpoint, or in one that is, which have Spark's offsets. */
function checkpointsIn(folder: string): string[] {
  const hasOffsets = (path: string) => existsSync(join(path, "offsets"));
  return subfolders(folder)
    .filter((name) => /checkpoint/i.test(name))
    .flatMap((name) => {
      const path = join(folder, name);
      return hasOffsets(path)
        ? [path]
        : subfolders(path)
            .map((inner) => join(path, inner))
            .filter(hasOffsets);
    });
}

function subfolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Writes table or JSON, and the page; returns the exit status. Fails with USAGE or OUTPUT for --html. */
export function writeReport(audited: Audited, { trust = [], html, all = false, json, data }: AuditOptions): number {
  const view = reportView(audited, trust);
  if (html !== undefined) writePage(html, auditPage(view, { all, now_us: nowUs() }), dataPaths(data).root);
  const colors = process.stdout.isTTY === true && !process.env.NO_COLOR;
  process.stdout.write(json ? `${JSON.stringify(audited.report, plainMaps)}\n` : auditText(view, { all, colors }));
  return view.passed ? 0 : 1;
}

/** Maps are objects in JSON. */
function plainMaps(_: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** A file is replaced whole, where its link leads; a pipe or a device takes the page. */
function writePage(path: string, page: string, root: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  const file = stat === undefined ? resolve(path) : realpathSync(path);
  requireForeign(file);
  if (stat !== undefined) requireNoOtherName(file, stat, root);
  try {
    if (stat === undefined || stat.isFile()) writeAtomically(file, page);
    else writeFileSync(file, page);
  } catch (error) {
    const hint = "Name a file in a folder that exists and can be written.";
    throw new TidemarkError("OUTPUT", `${path} could not be written: ${sentence(error)}.`, hint, { cause: error });
  }
}
