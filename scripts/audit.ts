/** `bun run audit`: any pipeline's answers against the exact ones, each difference with its rule. */
import { AUDIT_ANSWER_FLAGS, AUDIT_INPUT_FLAGS, AUDIT_OUTPUT_FLAGS } from "./command/audit-flags.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { JSON_FLAG } from "./command/flags.ts";
import { type AuditOptions, audit, writeReport } from "./stages/audit.ts";

export const spec: CommandSpec<AuditOptions> = {
  name: "audit",
  summary:
    "Checks any pipeline's answers against the exact ones: every difference with its rule, decided by computing again. Exit status 0 only with nothing unexplained.",
  flags: [...AUDIT_INPUT_FLAGS, ...AUDIT_ANSWER_FLAGS, ...AUDIT_OUTPUT_FLAGS, JSON_FLAG],
  examples: [
    "bun run audit --log kafka://localhost:9092/raw_prices --answers stream_csv/",
    "bun run audit --log ticks.jsonl.gz --answers crypto_prices.db:btc_prices",
    "bun run audit --log trades.csv --answers windows.parquet --map n=trade_count --html audit.html",
    "bun run audit --log data --answers data/stream_csv --json",
  ],
  async run(options, { logger }) {
    const audited = await audit(options, logger);
    return writeReport(audited, options);
  },
};

await runCommand(spec, import.meta.main);
