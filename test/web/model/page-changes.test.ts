/** What has changed since a page's position, without files. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Changes,
  changesSince,
  idFromCommit,
  idOf,
  NO_POSITION,
  type Now,
  type PagePosition,
  positionFromId,
} from "../../../web/model/page-changes.ts";

const NOW: Now = { windows: { epoch: "f1", change_id: 7 }, run_id: 3, parts: { server: "s1", moment: 9 } };
const NOTHING: Changes = { windows_after: null, run_after: null, parts_after: 9 };

describe("changesSince", () => {
  test("a new page needs all windows, with which it has the batch's, and all parts", () => {
    expect(changesSince(NO_POSITION, NOW)).toEqual({ windows_after: "all", run_after: null, parts_after: 0 });
  });

  test("a page that has everything needs nothing, and a position is not changed in place", () => {
    expect(changesSince(Object.freeze({ ...NOW, windows: Object.freeze(NOW.windows) }), NOW)).toEqual(NOTHING);
  });

  test("windows, runs and parts after those that a page has", () => {
    const older = { windows: { epoch: "f1", change_id: 5 }, run_id: 2, parts: { server: "s1", moment: 4 } };
    expect(changesSince(older, NOW)).toEqual({ windows_after: 5, run_after: 2, parts_after: 4 });
  });

  test("a page with the windows alone needs the batch's windows and all parts", () => {
    const position = { ...NO_POSITION, windows: { epoch: "f1", change_id: 7 } };
    expect(changesSince(position, NOW)).toEqual({ windows_after: null, run_after: 0, parts_after: 0 });
  });

  test("another windows.db, or a position ahead of this one: all windows", () => {
    for (const windows of [
      { epoch: "f0", change_id: 7 },
      { epoch: "f1", change_id: 8 },
    ])
      expect(changesSince({ ...NOW, windows }, NOW).windows_after).toBe("all");
  });

  test("another process of serve numbers its moments otherwise: all parts", () => {
    expect(changesSince({ ...NOW, parts: { server: "s0", moment: 9 } }, NOW).parts_after).toBe(0);
  });

  test("pages that read at any moments know the same windows in the end", () => {
    const commits = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(commits, fc.array(fc.boolean(), { maxLength: 12 }), (all, reads) => {
        const stored = new Map<number, number>();
        const known = new Map<number, number>();
        let position: PagePosition = NO_POSITION;
        all.forEach((minutes, i) => {
          for (const minute of minutes) stored.set(minute, i + 1);
          if (!reads[i] && i < all.length - 1) return;
          const now = { ...NOW, windows: { epoch: "f1", change_id: i + 1 } };
          const { windows_after } = changesSince(position, now);
          const after = windows_after === "all" ? 0 : (windows_after ?? Number.POSITIVE_INFINITY);
          for (const [minute, change_id] of stored) if (change_id > after) known.set(minute, change_id);
          position = now;
        });
        expect([...known].sort()).toEqual([...stored].sort());
      }),
    );
  });
});

test("an id is the position that a page sends back; anything else is a page that has nothing", () => {
  expect(positionFromId(idOf(NOW))).toEqual(NOW);
  expect(positionFromId(idFromCommit(NOW.windows))).toEqual({ ...NO_POSITION, windows: NOW.windows });
  expect(positionFromId("f1.7.3")).toEqual({ ...NOW, parts: null });
  const wrong = ["", "f1", "f1.", ".7", "f1.-7", "f1.7.", "f1.7.3.s1", "f1.7.3.s1.9.1", "F1.7", "f1.1234567890123456"];
  for (const id of [undefined, ...wrong, "' OR 1=1"]) expect([id, positionFromId(id)]).toEqual([id, NO_POSITION]);
});
