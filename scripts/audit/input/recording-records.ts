/** Ticks from a recording (one message per line) or from a topic's dump (kcat -J), plain or gzipped. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { usFromIso } from "../../base/iso.ts";
import { RECORDING_BYTES_MAX } from "../../base/limits.ts";
import type { AuditRecord } from "../audit-types.ts";
import { AuditRecords, auditRecord } from "./audit-record.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;

const decoder = new TextDecoder();

/**
 * Every line is a record, also one that was cut off; blank lines are skipped. The offset is the number
 * of records before it, unless the lines are a dump with offsets of their own. Fails with RECORDING.
 */
export async function recordingRecords(path: string): Promise<AuditRecord[]> {
  const records = new AuditRecords(path);
  let offset = 0;
  let appended_us = 0;
  let isDump: boolean | null = null;
  for await (const line of linesOf(path)) {
    isDump ??= dumped(line) !== null;
    const dump = isDump ? dumped(line) : null;
    if (isDump && dump === null)
      throw bad(
        `${path}, record ${offset + 1} has no partition, offset and value, as the first one has.`,
        "Write the topic's dump again, for example: kcat -C -J -e -t TOPIC.",
      );
    const bytes = dump?.value ?? line;
    const at = { partition: dump?.partition ?? 0, offset: dump?.offset ?? offset };
    const record = auditRecord(bytes, { ...at, appended_us: 0 });
    appended_us = dump?.appended_us ?? record.tick?.time_us ?? appended_us;
    records.add({ ...record, appended_us });
    offset++;
  }
  if (offset === 0) throw bad(`${path} holds no record.`, "Name a recording, a dump of a topic, or a file of trades.");
  return records.inOrder;
}

interface Dumped {
  partition: number;
  offset: number;
  appended_us: number | null;
  value: Uint8Array;
}

/** A record of a topic as kcat -J writes it (`payload`, `ts` in ms), or with `value` and `timestamp`. */
function dumped(line: Uint8Array): Dumped | null {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(decoder.decode(line));
  } catch {
    return null;
  }
  if (typeof fields !== "object" || fields === null) return null;
  const { partition, offset } = fields;
  const value = fields.payload ?? fields.value ?? "";
  if (!Number.isSafeInteger(partition) || !Number.isSafeInteger(offset) || typeof value !== "string") return null;
  const appended_us = timeOf(fields.ts ?? fields.timestamp ?? null);
  return {
    partition: partition as number,
    offset: offset as number,
    appended_us,
    value: new TextEncoder().encode(value),
  };
}

function timeOf(value: unknown): number | null {
  if (typeof value === "number") return Math.round(value * 1_000);
  return typeof value === "string" ? usFromIso(value) : null;
}

/** The lines that are not blank, as bytes: what is not UTF-8 must stay as it came. */
async function* linesOf(path: string): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0);
  let bytes = 0;
  try {
    for await (const chunk of await unpacked(path)) {
      bytes += chunk.length;
      if (bytes > RECORDING_BYTES_MAX)
        throw bad(`${path} is larger than ${RECORDING_BYTES_MAX} bytes unpacked.`, "Cut it into parts.");
      rest = Buffer.concat([rest, chunk]);
      let from = 0;
      for (let to = rest.indexOf(NEWLINE); to >= 0; to = rest.indexOf(NEWLINE, from)) {
        if (!isBlank(rest, from, to)) yield trimmed(rest, from, to);
        from = to + 1;
      }
      rest = rest.subarray(from);
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const hint = "It must be a whole file of one message per line, plain or gzipped.";
    throw bad(`${path} can't be read to its end: ${sentence(error)}.`, hint, error);
  }
  if (!isBlank(rest, 0, rest.length)) yield trimmed(rest, 0, rest.length);
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > SPACE) return false;
  return true;
}

function trimmed(bytes: Buffer, from: number, to: number): Uint8Array {
  return bytes.subarray(from, bytes[to - 1] === RETURN ? to - 1 : to);
}

async function unpacked(path: string): Promise<AsyncIterable<Buffer>> {
  const file = createReadStream(path);
  const head = new Uint8Array(await Bun.file(path).slice(0, 2).arrayBuffer());
  if (head[0] !== 0x1f || head[1] !== 0x8b) return file;
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

function bad(message: string, hint: string, cause?: unknown): TidemarkError {
  return new TidemarkError("RECORDING", message, hint, { cause });
}
