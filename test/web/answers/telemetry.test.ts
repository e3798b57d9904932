/** /metrics as promtool's linter reads it, and the Grafana dashboard over it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FAMILIES } from "../../../web/answers/telemetry.ts";
import { ROOT, troubledLines } from "../../support/data.ts";
import { promProblems } from "../../support/prometheus.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
beforeAll(async () => {
  server = await served(troubledLines(1_000));
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

const scrape = async () => (await fetch(`${server.url}/metrics`)).text();

test("/metrics is clean by the rules of promtool check metrics, also with hostile names as labels", async () => {
  const text = await scrape();
  expect(promProblems(text)).toEqual([]);
  expect(text).toContain("# TYPE tidemark_pipeline_latency_seconds summary\n");
  expect(text).toMatch(/^tidemark_pipeline_latency_seconds\{pipeline="batch",quantile="0\.99"\} [\d.]+$/m);
  expect(text).toContain("# TYPE tidemark_ticks_total counter\n");
});

test("scrapes at the same time each have every sample once, with the same counts", async () => {
  const texts = await Promise.all(Array.from({ length: 8 }, scrape));
  for (const text of texts) {
    expect(promProblems(text)).toEqual([]);
    expect(text).toMatch(/^tidemark_ticks_total 1002$/m);
  }
});

test("the checker finds what promtool does", () => {
  const gauge = (name: string, line: string) => `# HELP ${name} about\n# TYPE ${name} gauge\n${line}\n`;
  for (const [text, found] of [
    [gauge("a_total", "a_total 1"), "a_total: only counters end with _total"],
    [gauge("a", 'a{quantile="0.5"} 1'), "a: only summaries have quantiles"],
    ["# HELP a about\n# TYPE a counter\na 1\n", "a: a counter's name ends with _total"],
    ["# TYPE a gauge\na 1\n", "a: it has no help"],
    [gauge("a", "a 1\na 2"), "a: twice the same series"],
    [gauge("a", "b 1"), "b: it belongs to no family"],
    [gauge("aB", "aB 1"), "aB: not in lower case with _"],
    [gauge("a_ms", "a_ms 1"), "a_ms: an abbreviated unit"],
    [gauge("a_gauge", "a_gauge 1"), "a_gauge: its type is in its name"],
    [gauge("a", "a one"), 'not a sample: "a one"'],
    [gauge("a", 'a{b="c"d"} 1'), 'not a sample: "a{b="c"d"} 1"'],
    [gauge("a", "a 1").trimEnd(), "the last line does not end"],
  ] as const)
    expect([text, promProblems(text)]).toEqual([text, [found]]);
});

interface Panel {
  id: number;
  title: string;
  type: string;
  datasource?: { uid: string };
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: { expr: string; legendFormat: string }[];
}

test("the Grafana dashboard: each expression's metrics and labels exist, each metric is drawn or left out with a reason", () => {
  const file = join(ROOT, "docs/grafana/tidemark.json");
  const { panels }: { panels: Panel[] } = JSON.parse(readFileSync(file, "utf8"));
  const drawn = new Set<string>();
  for (const { type, title, targets = [], datasource } of panels) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own variable
    expect([title, datasource?.uid]).toEqual([title, type === "row" ? undefined : "${datasource}"]);
    for (const { expr, legendFormat } of targets) {
      const names = expr.match(/tidemark_\w+/g) ?? [];
      expect([title, names.length]).toEqual([title, 1]);
      const family = FAMILIES[names[0] as keyof typeof FAMILIES] as readonly string[] | undefined;
      expect([expr, family !== undefined]).toEqual([expr, true]);
      const [, ...labels] = family!;
      const used = [...`${legendFormat}`.matchAll(/\{\{(\w+)\}\}/g), ...expr.matchAll(/(\w+)="/g)].map(
        ([, name]) => name!,
      );
      expect([expr, used.filter((label) => !labels.includes(label))]).toEqual([expr, []]);
      // A counter is a rate or an increase.
      expect([expr, expr.includes("_total") === /\b(rate|increase)\(/.test(expr)]).toEqual([expr, true]);
      drawn.add(names[0]!);
    }
  }
  const leftOut = [
    "tidemark_stage_records",
    "tidemark_stage_cpu_seconds",
    "tidemark_cost_ticks_per_second",
    // The old name of an age.
    "tidemark_freshness_seconds",
    // For an alert, which has no picture.
    "tidemark_feed_ended_timestamp_seconds",
    "tidemark_open_pages",
  ];
  expect(Object.keys(FAMILIES).filter((name) => !drawn.has(name))).toEqual(leftOut);
});

test("the dashboard's panels have unique ids and do not overlap", () => {
  const { panels }: { panels: Panel[] } = JSON.parse(readFileSync(join(ROOT, "docs/grafana/tidemark.json"), "utf8"));
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
});
