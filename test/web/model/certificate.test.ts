/** A window's certificate on its page and in the API: lacking ids, and ids that were never issued. */
import { expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { usFromIso } from "../../../scripts/base/iso.ts";
import { recomputeSides } from "../../../scripts/window/index.ts";
import { explainText } from "../../../web/model/explain-text.ts";
import { openSources } from "../../../web/model/sources.ts";
import { windowDetail } from "../../../web/model/window-detail.ts";
import { parseWindowId } from "../../../web/model/window-id.ts";
import { windows } from "../../../web/model/windows.ts";
import { batch, someMetrics } from "../../support/batch.ts";
import { follow, recordedLines, tempDir } from "../../support/data.ts";

test("the certificate in words: lacking ids, and those proved never issued, also if one of them comes after all", async () => {
  using dir = tempDir();
  const lines = recordedLines();
  const ids = { first_trade_id: 502, last_trade_id: 504 };
  const proof = JSON.stringify({ type: "tidemark_unissued", product_id: "BTC-USD", ...ids });
  const isLost = (_: string, i: number) => i >= 500 && i < 504;
  const opened = () => {
    const sources = openSources(dataPaths(dir.path));
    return Object.assign(sources, { [Symbol.dispose]: () => sources.close() });
  };
  const certificate = async (id: string) => {
    using sources = opened();
    const detail = await windowDetail(sources, parseWindowId(id), { as_of_us: null, limit: 50_000, archive: true });
    const words = /trade ids never seen: (.*)/.exec(explainText(detail, []))![1];
    const { missing, missing_still, unissued } = detail.stream!;
    return { counts: [missing, missing_still, unissued], words, detail };
  };
  const [minute, five] = ["BTC-USD@2023-09-05T16:02/1m", "BTC-USD@2023-09-05T16:00/5m"];
  await follow(dir.path, [...lines.slice(0, 2_000).filter((line, i) => !isLost(line, i)), proof]);
  for (const id of [minute, five]) {
    const { counts, words } = await certificate(id);
    expect([id, counts, words]).toEqual([id, [4, 4, 3], "1 lacking, 3 never issued (proved)"]);
  }
  await follow(dir.path, [lines[501]!, lines[500]!]);
  using metrics = someMetrics("reconciliation", "windows_by_minute");
  await batch(dir.path, ["--sql", metrics.path]);
  const { counts, words, detail } = await certificate(minute);
  expect([counts, words]).toEqual([[4, 2, 2], "4 when it closed, now 0 lacking, 2 never issued (proved)"]);
  // The proof and the late tick have the same id: two revisions, one late tick.
  expect(detail).toMatchObject({ outcome: "explained", late: [{ trade_id: 502 }, { trade_id: 501 }], late_count: 2 });
  expect(detail.revisions.map((one) => [one.caused_by_trade_id, one.missing, one.unissued])).toEqual([
    [502, 4, 3],
    [502, 3, 2],
    [501, 2, 2],
  ]);
  expect(recomputeSides(detail, (iso) => usFromIso(iso)!).map(({ is_equal }) => is_equal)).toEqual([true, true]);
  using sources = opened();
  for (const size_us of [60e6, 300e6]) {
    const [row] = windows(sources, { product: "BTC-USD", size_us, from_us: null, to_us: null, limit: 100 }).filter(
      ({ missing }) => missing > 0,
    );
    expect(row).toMatchObject({ missing: 2, unissued: 2 });
  }
}, 120_000);
