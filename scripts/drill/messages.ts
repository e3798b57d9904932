/** The messages of a drill: the oldest of the user's log, or without one the bundled recording. */
import { existsSync } from "node:fs";
import { dataPaths } from "../base/data-dir.ts";
import type { Logger } from "../base/logger.ts";
import { BUNDLED_RECORDING } from "../base/project.ts";
import { openLog, readToEnd } from "../log/index.ts";
import { readRecording } from "../simulator/index.ts";

/** Messages that a drill copies, at most. */
const MESSAGES_MAX = 20_000;

export async function copiedMessages(data: string, logger: Logger): Promise<Uint8Array[]> {
  const paths = dataPaths(data);
  if (!existsSync(paths.log)) {
    logger.info(`no log in ${paths.root}: the drill uses the bundled recording`);
    const encoder = new TextEncoder();
    return (await readRecording(BUNDLED_RECORDING, logger)).map(({ line }) => encoder.encode(line));
  }
  const log = await openLog("embedded:", paths, { role: "reader", logger });
  const messages: Uint8Array[] = [];
  for await (const batch of readToEnd(log, { group: "tidemark-drill", records_max: 1_000 })) {
    for (let i = 0; i < batch.count && messages.length < MESSAGES_MAX; i++)
      messages.push(batch.buffer(i).slice(batch.starts[i]!, batch.ends[i]!));
    if (messages.length === MESSAGES_MAX) break;
  }
  await log.close();
  return messages;
}
