/** What `doctor` finds of the log and the stages: the page's problems, in the same sentences. */
import { existsSync } from "node:fs";
import { errorText, inAnswerTime, type LogAnswer, problemLine, Sources, status } from "../../web/model/index.ts";
import { nowUs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Problem } from "../contract/problems.ts";
import { type LogEnds, logEnds, logName } from "../log/index.ts";
import type { Finding } from "./finding.ts";

/** The log's answer, with the error that it gave or the right that is lacking. */
type Asked = LogAnswer & { fault: unknown; problems: Problem[] };

/** Asks the log at `url` once, for at most LOG_ANSWER_MS_MAX. */
export async function logFindings(url: string, paths: DataPaths, logger: Logger): Promise<Finding[]> {
  const name = logName(url);
  const asked = await ask(logEnds(url, paths, logger));
  return [logState(name, asked), ...(await stages(name, paths, asked))];
}

async function ask(ends: LogEnds): Promise<Asked> {
  const both = async () => ({ spans: await ends.ask(), fault: await ends.lacking() });
  try {
    const { spans, fault } = await inAnswerTime("The log", both());
    const error = fault && errorText(fault);
    return { spans, asked_us: nowUs(), error, away_us: null, fault, problems: ends.problems() };
  } catch (error) {
    return { spans: null, asked_us: null, error: errorText(error), away_us: nowUs(), fault: error, problems: [] };
  } finally {
    ends.reset();
  }
}

function logState(name: string, { spans, fault, problems }: Asked): Finding {
  const what = "log";
  if (fault !== null) {
    const advice = fault instanceof TidemarkError ? fault.hint : "Choose another log with --log URL.";
    return { what, found: sentence(fault), ok: false, advice };
  }
  if (spans === null) return { what, found: "nothing produced yet", ok: true, advice: "" };
  const found = spans.map((span) => `partition ${span.partition}: offsets ${span.start} to ${span.end}`).join("; ");
  // The embedded log's name ends with the colon of its URL.
  return {
    what,
    found: `${name.replace(/:$/, "")}: ${found}`,
    ok: problems.length === 0,
    advice: problems[0]?.sentence ?? "",
  };
}

/** Where no stage runs at all, none is expected to make progress: that is one line, and not a fault. */
async function stages(name: string, paths: DataPaths, log: LogAnswer): Promise<Finding[]> {
  if (!existsSync(paths.root)) return [];
  const sources = new Sources(paths, { name, last: log, refresh: async () => {} });
  try {
    const { stages, problems } = await status(sources);
    const isAtRest = !stages.some(({ name, state, ended }) => name !== "batch" && state === "running" && !ended);
    const isExpected = (code: string) => isAtRest && (code === "stage-absent" || code === "stage-silent");
    const shown = problems
      .filter(({ stage, code }) => !isExpected(code) && stage !== "log")
      .map((one) => ({ what: one.stops ? "problem" : "note", found: problemLine(one), ok: !one.stops, advice: "" }));
    const rest = { what: "stages", found: "none runs now: bun run start", ok: true, advice: "" };
    return problems.some(({ code }) => isExpected(code)) ? [rest, ...shown] : shown;
  } finally {
    sources.close();
  }
}
