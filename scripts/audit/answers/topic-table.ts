/** A Kafka topic of JSON answers as one table: a row per record, a column per field. */
import { sentence } from "../../base/errors.ts";
import type { TopicRecord } from "./other-kinds.ts";
import { checkRows, type RawRow, type RawTable, unreadable } from "./raw-table.ts";

/** Objects inside objects: `window.start`. */
const DEPTH_MAX = 4;
/** Kafka Streams' text of a windowed key: `[BTC-USD@1693929600000/1693929660000]`. */
const WINDOWED_KEY = /^\[(.*)@(\d+)\/(\d+|\d*)\]$/s;

/** Each partition comes in order of offsets. Rejects with DATA_DIR for a value that is not JSON. */
export async function topicTable(url: string, records: AsyncIterable<TopicRecord>): Promise<RawTable> {
  const names = new Map<string, number>();
  const found: (RawRow & Pick<TopicRecord, "partition" | "offset" | "appended_us">)[] = [];
  const newest = new Map<number, number>();
  let without_value = 0;
  for await (const { key, value, partition, offset, appended_us, extra = [], ...own } of records) {
    if (value === null) {
      without_value++;
      continue;
    }
    const where = own.where ?? `partition ${partition} offset ${offset}`;
    const cells: (string | null)[] = [];
    for (const [name, text] of [...keyFields(key), ...valueFields(value, url, where), ...extra]) {
      if (!names.has(name)) names.set(name, names.size);
      cells[names.get(name)!] = text;
    }
    // Within a partition a later record is newer, even if its time steps back.
    const time = Math.max(appended_us ?? 0, newest.get(partition) ?? 0);
    newest.set(partition, time);
    found.push({ cells, where, partition, offset, appended_us: time });
    checkRows(url, found.length);
  }
  found.sort((a, b) => a.appended_us! - b.appended_us! || a.partition - b.partition || a.offset - b.offset);
  return {
    source: url,
    columns: [...names.keys()].map((name) => ({ name, type: "untyped" })),
    rows: found.map(({ cells, where }) => ({ cells: Array.from(names, (_, i) => cells[i] ?? null), where })),
    uncommitted: [],
    notes: without_value > 0 ? [`${without_value} records without a value`] : [],
  };
}

/**
 * Lines of JSON as records: an answer each, or each a record of a topic's dump with `value`, and
 * `key`, `partition`, `offset`, `timestamp` in ms. Throws DATA_DIR for a line that is not JSON.
 */
export async function* lineRecords(path: string, text: string): AsyncGenerator<TopicRecord> {
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let content: unknown;
    try {
      content = JSON.parse(line);
    } catch (error) {
      throw unreadable(`${path}:${i + 1} is not JSON: ${sentence(error)}.`, "Write one JSON object per line.");
    }
    if (!isObject(content) || !("value" in content) || !("offset" in content)) {
      yield { key: null, value: line, partition: 0, offset: i, appended_us: null };
      continue;
    }
    const { key, value, partition, offset, timestamp } = content;
    yield {
      key: typeof key === "string" ? key : null,
      value: value === null || typeof value === "string" ? value : JSON.stringify(value),
      partition: Number(partition ?? 0),
      offset: Number(offset),
      appended_us: typeof timestamp === "number" ? timestamp * 1_000 : null,
    };
  }
}

type Fields = [name: string, text: string | null][];

function keyFields(key: string | null): Fields {
  if (key === null || key === "") return [];
  const [, name, start, end] = WINDOWED_KEY.exec(key) ?? [];
  if (name !== undefined)
    return [
      ["key.product", name],
      ["key.windowStart", start!],
      ...(end === "" ? [] : ([["key.windowEnd", end!]] as Fields)),
    ];
  if (!key.startsWith("{")) return [["key", key]];
  try {
    return flat(parsed(key), "key.", DEPTH_MAX);
  } catch {
    return [["key", key]];
  }
}

function valueFields(value: string, url: string, where: string): Fields {
  let content: unknown;
  try {
    content = parsed(value);
  } catch (error) {
    throw unreadable(
      `The record at ${where} of ${url} is not JSON: ${sentence(error)}.`,
      "Name a topic of JSON objects.",
    );
  }
  if (!isObject(content))
    throw unreadable(`The record at ${where} of ${url} is not a JSON object.`, "Name a topic of JSON objects.");
  // Kafka Connect's JSON converter writes each value with its schema.
  const isConnect = isObject(content.payload) && "schema" in content && Object.keys(content).length === 2;
  return flat(isConnect ? content.payload : content, "", DEPTH_MAX);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

/** A JSON number by its own text: no double between. */
class Digits {
  constructor(readonly text: string) {}
}

/** JSON with numbers as Digits. */
function parsed(text: string): unknown {
  const reviver = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? new Digits(context?.source ?? String(value)) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

function flat(value: unknown, prefix: string, depth: number): Fields {
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, each]): Fields => {
    if (isObject(each) && depth > 0) return flat(each, `${prefix}${name}.`, depth - 1);
    return [[prefix + name, textOf(each)]];
  });
}

function textOf(value: unknown): string | null {
  if (value === null || value === "") return null;
  if (value instanceof Digits) return value.text;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
