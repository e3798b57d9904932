/** A child of the drill: appends a file's messages to a log, slowly enough to be killed meanwhile. */
import { readFileSync } from "node:fs";
import { openDataDir } from "../base/data-dir.ts";
import { sentence } from "../base/errors.ts";
import { createLogger } from "../base/logger.ts";
import { pause } from "../base/wait.ts";
import { openLog } from "../log/index.ts";

const RECORDS_PER_APPEND = 60;

/** Messages as the bytes of one file: per message its length as a 32-bit number, then its bytes. */
export function pack(messages: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, message) => sum + 4 + message.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const message of messages) {
    view.setUint32(at, message.length);
    bytes.set(message, at + 4);
    at += 4 + message.length;
  }
  return bytes;
}

/** The inverse of `pack`. */
export function unpack(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at);
    messages.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return messages;
}

const decoder = new TextDecoder();

/** The product's id, which `produce` uses as the key; "" when there is none. */
function keyOf(message: Uint8Array): string {
  return /"product_id":"([^"]*)"/.exec(decoder.decode(message))?.[1] ?? "";
}

/** Begins where the log ends: an earlier process of this file may have been killed. */
async function write(file: string, url: string, data: string, pause_ms: number): Promise<void> {
  const messages = unpack(readFileSync(file));
  const log = await openLog(url, openDataDir(data), {
    role: "writer",
    logger: createLogger("writer", { verbose: false }),
  });
  const end = (await log.spans()).reduce((sum, span) => sum + span.end, 0);
  for (let i = end; i < messages.length; i += RECORDS_PER_APPEND) {
    const some = messages.slice(i, i + RECORDS_PER_APPEND);
    await log.append(some.map((value) => ({ key: keyOf(value), value })));
    if (pause_ms > 0) await pause(pause_ms);
  }
  await log.close();
}

const [file, url, data, pause_ms] = process.argv.slice(2);
if (import.meta.main && file && url && data) {
  await write(file, url, data, Number(pause_ms)).catch((error) => {
    process.stderr.write(`${sentence(error)}\n`);
    process.exit(1);
  });
}
