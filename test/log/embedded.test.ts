import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../scripts/common/logger.ts";
import { openDataDir } from "../../scripts/common/settings.ts";
import { type EmbeddedLog, openEmbedded } from "../../scripts/log/embedded.ts";
import { conformance } from "./conformance.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-log-"));
const logger = createLogger("test", { verbose: false });
logger.level = "silent";
afterAll(() => rmSync(root, { recursive: true, force: true }));

const paths = (place: string) => openDataDir(join(root, place));
const open = (place: string, partitions?: number): EmbeddedLog =>
  openEmbedded(paths(place), { role: "writer", partitions, logger });

conformance("embedded", {
  open: async (place, partitions) => open(place, partitions),
  dropBefore: async (place, offset) => {
    const log = open(place);
    await log.retain({ before: new Map([[0, offset]]) });
    await log.close();
  },
  replace: async (place) => rmSync(join(root, place), { recursive: true }),
  writer: (place, key, total, size) =>
    Bun.spawn(
      [
        process.execPath,
        join(import.meta.dir, "../support/log-writer.ts"),
        "embedded:",
        join(root, place),
        key,
        `${total}`,
        `${size}`,
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
    ),
  timeout_ms: 20_000,
});
