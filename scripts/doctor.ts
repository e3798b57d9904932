/** `bun run doctor`: checks the machine, the data directory, the log and the stages. */
import { dataPaths } from "./base/data-dir.ts";
import { type CommandContext, type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { dataFindings } from "./doctor/data-findings.ts";
import { type Finding, findingsTable } from "./doctor/finding.ts";
import { logFindings } from "./doctor/log-findings.ts";
import { machineFindings } from "./doctor/machine-findings.ts";
import { logName, repairLog, repairText } from "./log/index.ts";

interface DoctorOptions {
  data: string;
  log: string;
  deep?: boolean;
  repairLog?: boolean;
  json?: boolean;
}

export const spec: CommandSpec<DoctorOptions> = {
  name: "doctor",
  summary: "Reports what is here, what is missing and what to do. Changes nothing, except with --repair-log.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    {
      flags: "--deep",
      description: "also verify every database page and every checksum of the archive (seconds per GB)",
    },
    {
      flags: "--repair-log",
      description:
        "correct append times that a wrong clock wrote into the embedded log (in the future, or before 2016); stop all stages before, and rebuild windows.db and ticks.db after",
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run doctor",
    "bun run doctor --deep",
    "bun run doctor --repair-log",
    "bun run doctor --data data/replay --json",
  ],
  async run(options, context) {
    const paths = dataPaths(options.data);
    if (options.repairLog) {
      const repair = repairLog(paths, context.logger, (stage) => lockStage(paths, stage));
      process.stdout.write(`${options.json ? JSON.stringify(repair) : repairText(repair, paths)}\n`);
      return 0;
    }
    const all = [
      ...machineFindings(),
      ...dataFindings(paths, options.deep === true),
      settings(options, context),
      ...(await logFindings(options.log, paths, context.logger)),
    ];
    const findings = all.map((finding) => (finding.ok ? { ...finding, advice: "" } : finding));
    process.stdout.write(`${options.json ? JSON.stringify(findings) : findingsTable(findings)}\n`);
    return findings.every((finding) => finding.ok) ? 0 : 1;
  },
};

/** Each setting with its source: flag beats variable beats default. */
function settings(options: DoctorOptions, { sourceOf }: CommandContext): Finding {
  const shown = { data: options.data, log: logName(options.log) };
  const sources = (["data", "log"] as const).map((name) => `${name} = ${shown[name]} (${sourceOf(name)})`);
  return { what: "settings", found: sources.join(", "), ok: true, advice: "" };
}

await runCommand(spec, import.meta.main);
