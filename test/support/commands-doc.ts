/** Writes docs/commands.md from the commands' own specs; test/docs.test.ts compares the two. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { CommandSpec } from "../../scripts/command/cli.ts";
import { SWITCH_VALUES } from "../../scripts/command/environment.ts";

const ROOT = join(import.meta.dir, "../..");
export const COMMANDS_DOC = join(ROOT, "docs/commands.md");

/** Every command's spec, by name. */
export async function specs(): Promise<CommandSpec<unknown>[]> {
  const files = readdirSync(join(ROOT, "scripts")).filter((name) => name.endsWith(".ts"));
  const modules = await Promise.all(files.sort().map((name) => import(join(ROOT, "scripts", name))));
  return modules.map((module) => module.spec as CommandSpec<unknown>);
}

export async function commandsDoc(): Promise<string> {
  const parts = [
    "# Commands\n\nWritten from the commands' own `--help`: `bun test/support/commands-doc.ts` writes this page, a test compares it.\n",
  ];
  parts.push(
    `Every command also has \`--verbose\` (\`TIDEMARK_VERBOSE\`) and \`--help\`. \`TIDEMARK_LOG_LEVEL\` (debug, info, warn, error) and\n\`TIDEMARK_LOG_FORMAT=json\` set the program's own log; NO_COLOR is respected. On Kafka, a dead process's partitions go to the others of\nits group after \`TIDEMARK_KAFKA_SESSION\` (6s). An empty variable counts as unset; one that sets a switch is ${SWITCH_VALUES}.\nTIDEMARK_EVERY and TIDEMARK_EVERY_BATCH of earlier releases are refused with their new names.\n`,
  );
  for (const spec of await specs()) {
    const args = (spec.args ?? []).map(([name]) => ` ${name}`).join("");
    parts.push(`## ${spec.name}\n\n\`bun run ${spec.name}${args}\`: ${spec.summary}\n`);
    for (const [name, description] of spec.args ?? []) parts.push(`- \`${name}\`: ${description}`);
    if (spec.args?.length) parts.push("");
    parts.push("| flag | variable | default | meaning |\n| --- | --- | --- | --- |");
    for (const flag of spec.flags) {
      const cells = [`\`${flag.flags}\``, flag.env ? `\`${flag.env}\`` : "", flag.default ?? "", flag.description];
      parts.push(`| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`);
    }
    parts.push(`\n\`\`\`sh\n${spec.examples.join("\n")}\n\`\`\`\n`);
  }
  // Paths in the project are relative to it: the page is the same on every machine.
  return `${parts.join("\n").replaceAll(`${ROOT}/`, "").trimEnd()}\n`;
}

if (import.meta.main) await Bun.write(COMMANDS_DOC, await commandsDoc());
