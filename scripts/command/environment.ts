/** What the process's environment means to a command: empty variables are unset, renamed ones are refused with their new name. */
import { TidemarkError } from "../base/errors.ts";

/** Variables of earlier releases, each with what took its place. */
const RENAMED: Record<string, string> = {
  TIDEMARK_EVERY: "TIDEMARK_BATCH_EVERY (start, schedule) or TIDEMARK_WINDOW_EVERY (stream)",
  TIDEMARK_EVERY_BATCH: "TIDEMARK_BATCH_EVERY",
};

const YES = ["1", "true", "yes", "on"];
const NO = ["0", "false", "no", "off"];

/**
 * Removes what counts as unset from the environment, for this process and its children: empty TIDEMARK_ variables, and those of
 * `switches` (flags without a value) that say no. Fails with USAGE for a renamed variable or a switch that is neither yes nor no.
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
      throw new TidemarkError("USAGE", `${name}=${env[name]} is neither yes nor no.`, "Set it to 1 or 0.");
    delete env[name];
  }
}

/** A flag that npm knows too: `npm --json` is meant for npm. */
const NPMS = "json";

/** Those of `flags` that npm kept for itself because `--` was missing before them, as in `npm start --port 9000`. */
export function keptByNpm(flags: string[], env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.npm_lifecycle_event === undefined) return [];
  return flags.filter((name) => name !== NPMS && Boolean(env[`npm_config_${name.replaceAll("-", "_")}`]));
}
