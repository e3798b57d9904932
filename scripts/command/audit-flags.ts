/** Flags of `audit`: what it reads on both sides, what the engine is known to do, what it writes. */
import { type Flag, invalid } from "./cli.ts";
import { DATA_FLAG, durationFlag } from "./flags.ts";

/** Rules that --trust accepts; `behind` is a trade that is lost or was not read yet. */
const TRUSTED = [...Array.from({ length: 13 }, (_, i) => `W${i + 1}`), "behind"];

export const AUDIT_INPUT_FLAGS: Flag[] = [
  {
    flags: "--log <source>",
    description:
      "the ticks: kafka://host:port/topic, a data directory or its log.db, a recording (.jsonl, .jsonl.gz), a topic's dump, or trades as CSV or Parquet",
    env: "TIDEMARK_LOG",
    default: "embedded:",
  },
  { ...DATA_FLAG, description: "the data directory of --log embedded:" },
  {
    flags: "--product <id>",
    description:
      "audit this product alone; it is also that of answers and of files of trades without a column of products",
  },
  {
    flags: "--tick-map <pairs>",
    description:
      "columns of a file of trades: theirs=field, for example px=price; @row=trade_id numbers the rows, @buy=side is a constant (repeatable)",
    parse: listFlag,
    isList: true,
  },
  {
    flags: "--with-history",
    description: "windows: also count the trades that Tidemark's backfill has loaded, which its stream does not read",
  },
  { flags: "--tick-columns <names>", description: "columns of a CSV of trades without a header line", parse: listFlag },
];

export const AUDIT_ANSWER_FLAGS: Flag[] = [
  {
    flags: "--answers <source>",
    description:
      "the answers (required): a file or folder of CSV, Parquet or JSON lines, FILE.db:TABLE (SQLite, DuckDB), or kafka://host:port/topic of JSON",
  },
  {
    flags: "--map <pairs>",
    description: "columns of the answers: theirs=ours, for example n_trades=trade_count; theirs=ignored (repeatable)",
    parse: listFlag,
    isList: true,
  },
  { flags: "--columns <names>", description: "columns of a CSV of answers without a header line", parse: listFlag },
  { flags: "--window <size>", description: "size of their windows (default: found)", parse: sizeFlag },
  { flags: "--every <duration>", description: "a window begins this often (default: found)", parse: sizeFlag },
  { flags: "--zone <zone>", description: "zone of their times: UTC, +05:30 or Asia/Kolkata (default: found)" },
  {
    flags: "--checkpoint <path>",
    description:
      "Spark's checkpoint of the job, or its progress as JSON lines; none: do not use the one beside the answers",
  },
  {
    flags: "--lateness <duration>",
    description: "the engine's delay of its watermark (default: found)",
    parse: durationFlag,
  },
];

export const AUDIT_OUTPUT_FLAGS: Flag[] = [
  {
    flags: "--trust <rules>",
    description: "also pass what is only consistent with these rules, for example W2 (repeatable)",
    parse: trustFlag,
    isList: true,
  },
  { flags: "--html <file>", description: "also write the report as one HTML page" },
  { flags: "--all", description: "print every differing cell and trade id" },
];

/** Texts separated by commas. */
function listFlag(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw invalid("One of its parts is empty: separate them by single commas.");
  return parts;
}

function sizeFlag(text: string): number {
  const us = durationFlag(text);
  if (us === 0) throw invalid("Give a duration above 0.");
  return us;
}

function trustFlag(text: string): string[] {
  const rules = listFlag(text);
  const unknown = rules.find((rule) => !TRUSTED.includes(rule));
  if (unknown !== undefined) throw invalid(`"${unknown}" is not a rule: use ${TRUSTED.join(", ")}.`);
  return rules;
}
