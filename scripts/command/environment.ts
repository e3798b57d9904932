/** The environment of a command: empty variables are unset, renamed ones are refused. */
import { TidemarkError } from "../base/errors.ts";
import { withoutSecrets } from "../base/secrets.ts";

/** Variables of earlier releases, each with its replacement. */
const RENAMED: Record<string, string> = {
  TIDEMARK_EVERY: "TIDEMARK_BATCH_EVERY (start, schedule) or TIDEMARK_WINDOW_EVERY (stream)",
  TIDEMARK_EVERY_BATCH: "TIDEMARK_BATCH_EVERY",
};

const YES = ["1", "true", "yes", "on"];
const NO = ["0", "false", "no", "off"];
/** For people. */
export const SWITCH_VALUES = `1 or 0 (${[...YES.slice(1), ...NO.slice(1)].join(", ")} work too)`;

/**
 * Removes what counts as unset from the environment, for this process and its children: empty
 * TIDEMARK_ variables, and `switches` (flags without a value) that are 0. Fails with USAGE for a
 * renamed variable or a switch that is neither yes nor no.
 */
export function readEnvironment(switches: string[], env: NodeJS.ProcessEnv = process.env): void {
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith("TIDEMARK_") && value?.trim() === "") delete env[name];
  }
  for (const [name, now] of Object.entries(RENAMED)) {
    if (env[name] !== undefined)
      throw new TidemarkError("USAGE", `The variable ${name} is no longer read.`, `Set ${now} instead.`);
  }
  for (const name of switches) {
    const value = env[name]?.toLowerCase();
    if (value === undefined || YES.includes(value)) continue;
    if (!NO.includes(value))
      throw new TidemarkError("USAGE", `${name}=${env[name]} is neither yes nor no.`, `Set it to ${SWITCH_VALUES}.`);
    delete env[name];
  }
}

/** A flag that npm has too: `npm --json` is meant for npm. */
const NPMS = "json";

/**
 * Those of `flags` that npm kept because `--` was missing before them (`npm start --port 9000`), each
 * with its value if npm kept that too.
 */
export function keptByNpm(flags: string[], env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.npm_lifecycle_event === undefined) return [];
  return flags.flatMap((name) => {
    const value = name === NPMS ? undefined : env[`npm_config_${name.replaceAll("-", "_")}`];
    if (!value) return [];
    return [value === "true" ? `--${name}` : `--${name} ${value}`];
  });
}

/** A command as a person types it: with npm when npm started this process, otherwise with Bun. */
export function typed(name: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const isNpm = env.npm_lifecycle_event !== undefined && !env.npm_config_user_agent?.startsWith("bun");
  const quoted = args.map((arg) => (/^[\w./:=,@%+…-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`));
  const run = name === "start" && isNpm ? "npm start" : `${isNpm ? "npm" : "bun"} run ${name}`;
  return withoutSecrets([run, ...(isNpm && args.length > 0 ? ["--"] : []), ...quoted].join(" "));
}
