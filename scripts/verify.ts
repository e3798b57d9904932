/** `bun run verify`: disturbs real paths in ways whose effect is known, and checks every measure. */
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { JSON_FLAG } from "./command/flags.ts";
import { MATRIX, type Scenario } from "./verify/matrix.ts";
import { report, scoreOf } from "./verify/score.ts";
import { runMatrix, type VerifyOptions } from "./verify/verify-run.ts";

export const spec: CommandSpec<VerifyOptions & { json?: boolean }> = {
  name: "verify",
  summary:
    "Disturbs real paths in temporary directories in ways whose effect is known, reads the page's figures, and prints which of them are right. It needs no data and changes none.",
  flags: [
    { flags: "--short", description: "shorter faults, as in CI: less than a minute" },
    {
      flags: "--only <names>",
      description: `some of: ${MATRIX.map(({ name, truth }) => `${name} (${truth})`).join("; ")}`,
      parse: scenarios,
    },
    JSON_FLAG,
  ],
  examples: ["bun run verify", "bun run verify --short --json", 'bun run verify --only "log stalled,feed ended"'],
  async run(options, { logger, signal }) {
    const outcomes = await runMatrix(options, logger, signal);
    const score = scoreOf(outcomes);
    process.stdout.write(options.json ? `${JSON.stringify(score)}\n` : `${report(outcomes)}\n`);
    const isWhole = !signal.aborted && score.failed.length === 0;
    return isWhole && score.right === score.cells ? 0 : 1;
  },
};

function scenarios(text: string): Scenario[] {
  return text.split(",").map((part) => {
    const found = MATRIX.find(({ name }) => name === part.trim());
    if (found === undefined)
      throw invalid(`"${part.trim()}" is not a scenario; there are ${MATRIX.map(({ name }) => name).join(", ")}.`);
    return found;
  });
}

await runCommand(spec, import.meta.main);
