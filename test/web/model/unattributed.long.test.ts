/** A core that another program burns is unattributed, and changes no pipeline's cost. */
import { expect, test } from "bun:test";
import { startProgram, until } from "../../support/process.ts";
import { served } from "../../support/served.ts";

/** Burns CPU time until it has used 12 s of its own. */
const BURN = "for (let x = 0; process.cpuUsage().user < 12e6; ) for (let i = 0; i < 1e7; i++) x += i;";

test.if(process.platform === "linux")(
  "a core burnt by another process is unattributed",
  async () => {
    await using server = await served([]);
    const machine = async (): Promise<Record<string, number> | null> => {
      const { words } = (await (await fetch(`${server.url}/api/comparison`)).json()) as {
        words: { word: string; stream: { values: Record<string, number> | null } }[];
      };
      return words.find(({ word }) => word === "cost, machine")!.stream.values;
    };
    const burner = startProgram([process.execPath, "-e", BURN]);
    await burner.ended;
    const burnt_s = burner.cpuSeconds();
    expect(burnt_s).toBeGreaterThan(12);
    const ended_ms = Date.now();
    // A point is noted at each multiple of ten seconds: two of them enclose the burner.
    await until(
      "a span that holds all of it",
      async () => Date.now() - ended_ms > 11_000 && (await machine()) !== null,
    );
    const values = (await machine())!;
    const { busy_cpu_seconds, sampler_cpu_seconds, serve_cpu_seconds, unattributed_cpu_seconds } = values;
    expect(unattributed_cpu_seconds).toBeGreaterThan(burnt_s - 1);
    expect(serve_cpu_seconds).toBeLessThan(burnt_s / 4);
    expect(serve_cpu_seconds! + sampler_cpu_seconds! + unattributed_cpu_seconds!).toBeCloseTo(busy_cpu_seconds!, 6);
  },
  120_000,
);
