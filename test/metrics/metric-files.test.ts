/** Metric files as their folder has them: line ends, and how many there may be. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { METRIC_FILES_MAX } from "../../scripts/base/limits.ts";
import { metricNames, readMetric, readSource } from "../../scripts/metrics/metric.ts";
import { metricFolder } from "../support/batch.ts";

test("a file with CR alone has the header, the lines and the SELECT of one with LF", () => {
  const text = "-- title: Volume\n-- chart: number y=a\nSELECT 1 AS a\n";
  using folder = metricFolder({ lf: text, cr: text.replaceAll("\n", "\r"), both: text.replaceAll("\n", "\r\n") });
  const { title, chart, sql } = readMetric(folder.path, "lf");
  expect(title).toBe("Volume");
  expect(readMetric(folder.path, "cr")).toMatchObject({ title, chart, sql });
  expect(readMetric(folder.path, "both")).toMatchObject({ title, chart, sql: text.replaceAll("\n", "\r\n") });
  // The hash is of the file's text, so that an edit of its line ends alone is noticed too.
  expect(readSource(folder.path, "cr").hash).not.toBe(readSource(folder.path, "lf").hash);
});

test("a folder with more metric files than the limit is refused with both numbers", () => {
  using folder = metricFolder({});
  for (let i = 0; i < METRIC_FILES_MAX; i++) writeFileSync(join(folder.path, `m${i}.sql`), "SELECT 1");
  expect(metricNames(folder.path)).toHaveLength(METRIC_FILES_MAX);
  writeFileSync(join(folder.path, "one_more.sql"), "SELECT 1");
  expect(() => metricNames(folder.path)).toThrow(`has ${METRIC_FILES_MAX + 1} metrics; at most ${METRIC_FILES_MAX}.`);
});
