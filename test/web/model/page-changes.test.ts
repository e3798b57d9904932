/** What has changed since a page's position, without files. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CHART_WINDOWS_MAX } from "../../../scripts/base/limits.ts";
import {
  changesSince,
  idFromCommit,
  type Now,
  type PagePosition,
  positionFromId,
} from "../../../web/model/page-changes.ts";
import type { ShownWindow } from "../../../web/model/windows.ts";

const start = (minute: number) => `2023-09-05T16:${String(minute).padStart(2, "0")}:00.000000Z`;
const shown = (minute: number) => ({ window_start: start(minute) }) as ShownWindow;

/** Windows as `[minute, change_id of its last change]`. */
type Stored = [minute: number, change_id: number][];

function now(stored: Stored, state: Partial<Now> = {}): Now {
  const change_id = Math.max(0, ...stored.map(([, id]) => id));
  const sorted = stored.toSorted(([a], [b]) => a - b);
  return {
    windows: { epoch: "f1", change_id },
    run_id: 3,
    beat: 9,
    changedSince: (after) => sorted.filter(([, id]) => id > after).map(([minute]) => shown(minute)),
    newestStart: () => (sorted.length > 0 ? start(sorted.at(-1)![0]) : ""),
    ...state,
  };
}

const STORED: Stored = [
  [1, 5],
  [2, 7],
];
/** A page that has everything of STORED. */
const AT: PagePosition = { windows: { epoch: "f1", change_id: 7 }, newest_start: start(2), run_id: 3, beat: 9 };

describe("changesSince", () => {
  test("a new page gets a snapshot, the batch and the status, and has then everything", () => {
    const { changes, position } = changesSince(positionFromId(), now(STORED));
    expect(changes).toEqual({ windows: { since: null, changed: [], is_new: true }, batch: true, status: true });
    expect(position).toEqual(AT);
    expect(changesSince(position, now(STORED)).changes).toEqual({ windows: null, batch: false, status: false });
  });

  test("a position is not changed in place", () => {
    const position = Object.freeze({ ...AT, windows: Object.freeze({ epoch: "f1", change_id: 5 }) });
    expect(changesSince(position, now(STORED)).position).toEqual(AT);
  });

  test("a window that changed is listed; it is new only if it is newer than all that the page has", () => {
    const changed = changesSince(AT, now([...STORED, [2, 8]])).changes.windows!;
    expect([changed.since, changed.is_new, changed.changed.map((w) => w.window_start)]).toEqual([7, false, [start(2)]]);
    const added = changesSince(AT, now([...STORED, [3, 8]]));
    expect(added.changes.windows).toMatchObject({ since: 7, is_new: true });
    expect(added.position).toMatchObject({ windows: { epoch: "f1", change_id: 8 }, newest_start: start(3) });
  });

  test("an older window that changes leaves the newest one as it is", () => {
    const { changes, position } = changesSince(AT, now([[1, 8], [2, 7]])); // biome-ignore format: one line
    expect(changes.windows).toMatchObject({ is_new: false });
    expect(position.newest_start).toBe(start(2));
  });

  test("a commit without a change of this selection moves the position and sends nothing", () => {
    const { changes, position } = changesSince(AT, now(STORED, { windows: { epoch: "f1", change_id: 20 } }));
    expect(changes.windows).toBeNull();
    expect(position.windows).toEqual({ epoch: "f1", change_id: 20 });
  });

  test("another file, or a position ahead of this one: a snapshot", () => {
    for (const windows of [
      { epoch: "f0", change_id: 7 },
      { epoch: "f1", change_id: 8 },
    ])
      expect(changesSince({ ...AT, windows }, now(STORED)).changes.windows).toMatchObject({ since: null, changed: [] });
  });

  test("more changes than a chart holds: a snapshot, up to the newest window", () => {
    const many = Array.from({ length: CHART_WINDOWS_MAX }, () => shown(1));
    const { changes, position } = changesSince(AT, now([...STORED, [5, 9]], { changedSince: () => many }));
    expect(changes.windows).toEqual({ since: null, changed: [], is_new: true });
    expect(position.newest_start).toBe(start(5));
  });

  test("batch and status are sent when their number is another", () => {
    expect(changesSince(AT, now(STORED, { run_id: 4 })).changes).toMatchObject({ batch: true, status: false });
    expect(changesSince(AT, now(STORED, { beat: 10 })).changes).toMatchObject({ batch: false, status: true });
  });

  test("nothing is queried for a page that has the newest commit", () => {
    const fail = () => {
      throw new Error("queried");
    };
    const state = now(STORED, { changedSince: fail, newestStart: fail });
    expect(changesSince(AT, state).changes.windows).toBeNull();
  });

  test("pages that read at any moments know the same windows in the end", () => {
    const commits = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(commits, fc.array(fc.boolean(), { maxLength: 12 }), (all, reads) => {
        const stored = new Map<number, number>();
        const known = new Map<string, number>();
        let position = positionFromId();
        all.forEach((minutes, i) => {
          for (const minute of minutes) stored.set(minute, i + 1);
          if (!reads[i] && i < all.length - 1) return;
          const state = now([...stored], { windows: { epoch: "f1", change_id: i + 1 } });
          const found = changesSince(position, state);
          const rows = found.changes.windows?.since === null ? state.changedSince(0) : found.changes.windows?.changed;
          for (const row of rows ?? []) known.set(row.window_start, i + 1);
          position = found.position;
        });
        expect([...known.keys()].sort()).toEqual([...stored.keys()].map(start).sort());
      }),
    );
  });
});

test("an id is the position that a page sends back; anything else is a page that has nothing", () => {
  expect(positionFromId(idFromCommit({ epoch: "f1", change_id: 7 })).windows).toEqual({ epoch: "f1", change_id: 7 });
  for (const id of [undefined, "", "f1", "f1.", ".7", "f1.-7", "f1.7.8", "F1.7", "f1.1234567890123456", "' OR 1=1"])
    expect([id, positionFromId(id).windows]).toEqual([id, null]);
});
