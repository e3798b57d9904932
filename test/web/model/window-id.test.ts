/** How a window is named in addresses: product, start and size. */
import { expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { openSources } from "../../../web/model/sources.ts";
import { windowDetail } from "../../../web/model/window-detail.ts";
import { neighbours, parseWindowId, windowId, windowPath } from "../../../web/model/window-id.ts";
import { follow, recordedLines, tempDir } from "../../support/data.ts";

const ALL = { as_of_us: null, limit: 50_000, archive: true };

test("ids of windows: seconds and fractions where they are not zero, any product; wrong ones are sentences", async () => {
  const minute = { us: 60_000_000, name: "1m" };
  for (const [us, start] of [
    [1_693_931_400_000_000, "16:30"],
    [1_693_931_410_000_000, "16:30:10"],
    [1_693_931_400_500_000, "16:30:00.5"],
  ] as const) {
    const id = windowId("A@B/C", minute, us);
    expect(id).toBe(`A@B/C@2023-09-05T${start}/1m`);
    expect(parseWindowId(id)).toEqual({ product: "A@B/C", size_us: 60_000_000, start_us: us });
  }
  expect(windowPath("A/B", minute, 0)).toBe("/window/A%2FB@1970-01-01T00:00/1m");
  const of = { product: "BTC-USD", window: "1m", size_us: 60e6, start_us: 1_693_931_400_000_000, every_us: 60e6 };
  expect(neighbours(of)).toEqual(["/window/BTC-USD@2023-09-05T16:29/1m", "/window/BTC-USD@2023-09-05T16:31/1m"]);
  for (const [id, why] of [
    ["BTC-USD", "it is not PRODUCT@START/SIZE"],
    ["@2023-09-05T16:30/1m", "it is not PRODUCT@START/SIZE"],
    ["BTC-USD@2023-09-31T16:30/1m", '"2023-09-31T16:30" is not a valid time'],
    ["BTC-USD@2023-09-05T16:30/minute", '"minute" is not a valid size'],
    ["BTC-USD@2023-09-05T16:30/0m", '"0m" is not a valid size'],
    [`${"B".repeat(65)}@2023-09-05T16:30/1m`, "a product has at most 64 characters"],
  ] as const)
    expect(() => parseWindowId(id)).toThrow(`"${id}" is not a valid window: ${why}.`);

  using dir = tempDir();
  await follow(dir.path, recordedLines().slice(0, 900));
  const sources = openSources(dataPaths(dir.path));
  for (const [id, why] of [
    ["BTC-USD@2023-09-05T16:00:20/1m", "No window of 1m begins at 2023-09-05T16:00:20.000000Z."],
    ["BTC-USD@2023-09-05T16:00/3m", "There are no windows of 3m."],
    ["BTC-USD@2023-09-05T12:00/1m", "Neither pipeline has a tick in the window BTC-USD@2023-09-05T12:00/1m."],
    ["NONE@2023-09-05T16:00/1m", "Neither pipeline has a tick in the window NONE@2023-09-05T16:00/1m."],
  ] as const)
    await expect(windowDetail(sources, parseWindowId(id), ALL)).rejects.toThrow(why);
  sources.close();
});
