/** `bun run lateness`: what every allowed lateness would have left out, from rows that stream keeps. */
import { dataPaths, replayed } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { openReadOnly } from "./base/sqlite.ts";
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { DATA_FLAG, durationFlag, JSON_FLAG } from "./command/flags.ts";
import { latenessAnswer } from "./measure/lateness-answer.ts";
import { parseShare, type Share } from "./measure/lateness-curve.ts";
import { latenessText } from "./measure/lateness-text.ts";

interface LatenessOptions {
  data: string;
  product?: string;
  window?: number;
  want?: Share;
  json?: boolean;
}

export const spec: CommandSpec<LatenessOptions> = {
  name: "lateness",
  summary:
    "Prints the price of lateness: for each allowed lateness the ticks left out, the windows revised and the largest errors, exact and from one pass.",
  flags: [
    DATA_FLAG,
    { flags: "--product <id>", description: "the product (default: the first by name)", env: "TIDEMARK_PRODUCT" },
    {
      flags: "--window <size>",
      description: "any size of tumbling windows in whole seconds (default: the stream's first)",
      parse: durationFlag,
    },
    {
      flags: "--want <share>",
      description: "print the smallest lateness for this share, such as 99.99%",
      parse: share,
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run lateness",
    "bun run lateness --window 10s --want 99.99%",
    "bun run lateness --product BTC-USD --json",
  ],
  async run({ data, product = null, window = null, want = null, json }) {
    const paths = dataPaths(data);
    const db = openReadOnly(paths.windows);
    if (db === null) {
      const hint = replayed(paths) ?? "Run stream first: bun run stream --until-end";
      throw new TidemarkError("NO_DATA", `${paths.windows} does not exist yet.`, hint);
    }
    try {
      const answer = latenessAnswer(db, { product, size_us: window, want });
      process.stdout.write(json ? `${JSON.stringify(answer)}\n` : latenessText(answer));
    } finally {
      db.close();
    }
    return 0;
  },
};

function share(text: string): Share {
  const value = parseShare(text);
  if (value === null) throw invalid("Give a share such as 99.99%.");
  return value;
}

await runCommand(spec, import.meta.main);
