/** A record of the input as the audit sees it: a tick, or why not and what a lenient reader finds. */
import { TidemarkError } from "../../base/errors.ts";
import type { LogBatch } from "../../contract/log.ts";
import type { Position } from "../../contract/tick.ts";
import { Extractor, type Parsed, parsedAt } from "../../message/index.ts";
import type { AuditRecord, RawFields } from "../audit-types.ts";

/** Records of one audit: reading and comparing them takes about 1.5 kB of memory each. */
const AUDIT_RECORDS_MAX = 2_000_000;

const extractor = new Extractor({ quotes: true });
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Judges one record by the rules that stream and consume use (docs/semantics.md). */
export function auditRecord(bytes: Uint8Array, at: Position): AuditRecord {
  const parsed = parsedAt(extractor, bytes, 0, bytes.length);
  if (parsed.kind === "tick") return { ...at, tick: parsed.tick, reason: null, raw: null };
  return { ...at, tick: null, reason: reasonOf(parsed), raw: rawFields(bytes) };
}

function reasonOf(parsed: Exclude<Parsed, { kind: "tick" }>): string {
  return parsed.kind === "dead" ? parsed.reason : `a record of kind ${parsed.kind}, not a trade`;
}

/** What a reader finds that checks nothing; null when the bytes are not a JSON object. */
function rawFields(bytes: Uint8Array): RawFields | null {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields = new Map(Object.entries(value));
  const text = (name: string) => fieldText(fields.get(name));
  return {
    product_id: text("product_id"),
    trade_id: text("trade_id"),
    time: text("time"),
    price: text("price"),
    last_size: text("last_size"),
    side: text("side"),
  };
}

function fieldText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Collects the records of one input, up to AUDIT_RECORDS_MAX: it refuses more instead of cutting. */
export class AuditRecords {
  #records: AuditRecord[] = [];

  constructor(private readonly name: string) {}

  add(record: AuditRecord): void {
    if (this.#records.length === AUDIT_RECORDS_MAX)
      throw new TidemarkError(
        "USAGE",
        `${this.name} has more than ${AUDIT_RECORDS_MAX} records: they would not fit in memory.`,
        "Audit a part: a topic, recording or file of fewer hours, and the answers of these hours.",
      );
    this.#records.push(record);
  }

  /** All of them in one order. */
  get inOrder(): AuditRecord[] {
    return oneOrder(this.#records);
  }
}

/** The records without the trades of backfill, which Tidemark's stream does not read. */
export function withoutHistory(records: readonly AuditRecord[]): AuditRecord[] {
  return records.filter(({ tick }) => tick?.source !== "backfill");
}

/** The records of a log's batches. Fails as they do. */
export async function recordsOfLog(name: string, batches: AsyncIterable<LogBatch>): Promise<AuditRecord[]> {
  const records = new AuditRecords(name);
  for await (const batch of batches) {
    const { partition, count, starts, ends, offsets, appended_us } = batch;
    for (let i = 0; i < count; i++) {
      const bytes = batch.buffer(i).subarray(starts[i], ends[i]);
      records.add(auditRecord(bytes, { partition, offset: offsets[i]!, appended_us: appended_us[i]! }));
    }
  }
  return records.inOrder;
}

/**
 * Partitions merged by append time; within one, the offset decides
 * (docs/decisions/0070-one-order.md).
 */
function oneOrder(records: AuditRecord[]): AuditRecord[] {
  const isOrdered = records.every(({ partition, offset }, i) => {
    const before = records[i - 1];
    return before === undefined || (before.partition === partition && before.offset < offset);
  });
  if (isOrdered) return records;
  const newest = new Map<number, number>();
  const keyed = records
    .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    .map((record) => {
      const { partition, appended_us } = record;
      const key_us = Math.max(appended_us, newest.get(partition) ?? Number.NEGATIVE_INFINITY);
      newest.set(partition, key_us);
      return { record, key_us };
    });
  return keyed.sort((a, b) => a.key_us - b.key_us).map(({ record }) => record);
}
