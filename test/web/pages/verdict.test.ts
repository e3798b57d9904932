/** The page's verdict when the newest run could not compare stream and batch. */
import { expect, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batch, metricFolder } from "../../support/batch.ts";
import { ROOT, recordedLines } from "../../support/data.ts";
import { served } from "../../support/served.ts";

const SHIPPED = join(ROOT, "sql/metrics/reconciliation.sql");

test("a reconciliation.sql that fails, from the start and after it worked: verdict and API state the reason", async () => {
  using sql = metricFolder({ reconciliation: "SELECT 'equal' AS outcome" });
  const file = join(sql.path, "reconciliation.sql");
  await using server = await served(recordedLines().slice(0, 2_000), sql.path);
  const verdict = async () => {
    const page = await (await fetch(server.url)).text();
    return page.split('id="verdict"')[1]!.split("</section>")[0]!;
  };
  const api = async () => {
    const answer = await fetch(`${server.url}/api/reconciliation`);
    return [answer.status, await answer.json()];
  };
  expect(await verdict()).toContain("The newest run did not compare stream and batch");
  expect(await verdict()).toContain("columns that the result lacks: windows_alike, windows_in_all");
  expect(await api()).toEqual([404, { error: expect.objectContaining({ code: "METRIC" }) }]);

  cpSync(SHIPPED, file);
  await batch(server.data, ["--sql", sql.path]);
  expect(await verdict()).toContain("equal to the last digit; 0 unexplained");
  const [, worked] = await api();
  expect(worked).toMatchObject({ unexplained: 0, error: null });

  writeFileSync(file, readFileSync(SHIPPED, "utf8").replace("AS windows_in_all", "AS windows"));
  await batch(server.data, ["--sql", sql.path]);
  expect(await verdict()).toContain("did not compare");
  expect(await verdict()).toContain("The last comparison, of run 2: ");
  expect(await api()).toEqual([
    200,
    expect.objectContaining({ run_id: 2, error: expect.stringContaining("windows_in_all") }),
  ]);
}, 120_000);
