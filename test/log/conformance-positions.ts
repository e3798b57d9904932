/** The suite of every log, second part: positions, groups, spans, logs that were cut or replaced. */
import { expect } from "bun:test";
import type { LogReader } from "../../scripts/contract/log.ts";
import { read, record, unpack } from "../support/log-records.ts";
import { type Harness, later, newName, type OpenNew, type ReaderOf, type Run } from "./conformance.ts";

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error) => `${error.code}: ${error.message}`,
  );

/** Registers it. */
export function positions(run: Run, harness: Harness, openNew: OpenNew, readerOf: ReaderOf): void {
  run("a reader continues at the job's own position, within a block too", async () => {
    const log = await openNew();
    await log.append(Array.from({ length: 10 }, (_, i) => record("A", `${i}`)));
    await log.append([record("A", "10")]);
    for (const position of [3, 9, 10]) {
      const got = await read(await readerOf(log, { group: `g${position}`, position: () => position }), 11 - position);
      expect(got.map((r) => r.offset)).toEqual(Array.from({ length: 11 - position }, (_, i) => position + i));
    }
    const atEnd = await readerOf(log, { group: "end", position: () => 11 });
    expect(await atEnd.poll({ records_max: 10, timeout_ms: 300 })).toEqual([]);
    await log.append([record("A", "11")]);
    expect((await read(atEnd, 1)).map((r) => r.offset)).toEqual([11]);
  });

  run("readers of two groups each get every record", async () => {
    const log = await openNew();
    await log.append(Array.from({ length: 50 }, (_, i) => record("A", `${i}`)));
    const readers = [
      await readerOf(log, { group: "one", position: () => 0 }),
      await readerOf(log, { group: "two", position: () => 0 }),
    ];
    const got = await Promise.all(readers.map((reader) => read(reader, 50)));
    expect(got.map((records) => records.length)).toEqual([50, 50]);
  });

  run("a group's committed positions are kept by group, and do not decide where a reader begins", async () => {
    const log = await openNew();
    await log.append([record("A", "0"), record("A", "1")]);
    const reader = await readerOf(log, { group: "note", position: () => 0 });
    await read(reader, 2);
    await reader.commit([{ partition: 0, next: 1 }]);
    await reader.commit([{ partition: 0, next: 2 }]);
    expect(await log.committed("note")).toEqual([{ partition: 0, next: 2 }]);
    expect(await log.committed("other")).toEqual([]);
    await reader.close();
    expect((await read(await readerOf(log, { group: "note", position: () => 0 }), 2)).length).toBe(2);
  });

  run("spans return the first and the next offset of each partition", async () => {
    const log = await openNew(2);
    expect(await log.spans()).toEqual([
      { partition: 0, start: 0, end: 0 },
      { partition: 1, start: 0, end: 0 },
    ]);
    for (let i = 0; i < 10; i++) await log.append([record(`K${i}`, "x")]);
    const spans = await log.spans();
    expect(spans.map((span) => span.start)).toEqual([0, 0]);
    expect(spans[0]!.end + spans[1]!.end).toBe(10);
  });

  run("tail returns the newest record of each key among the last ones", async () => {
    const log = await openNew();
    expect(await log.tail(10)).toEqual([]);
    await log.append([record("OLD", "old")]);
    for (let i = 0; i < 20; i++) await log.append([record("A", `a${i}`), record("B", `b${i}`)]);
    await log.append([record("A", "a20")]);
    expect(unpack(await log.tail(10)).map((r) => [r.key, r.text, r.offset])).toEqual([
      ["B", "b19", 40],
      ["A", "a20", 41],
    ]);
  });

  run("a position beyond the end is refused with a sentence, never reset", async () => {
    const name = newName();
    const first = await harness.open(name);
    await first.append(Array.from({ length: 10 }, (_, i) => record("A", `${i}`)));
    await first.close();
    await harness.replace(name);
    const log = later(await harness.open(name));
    await log.append([record("A", "new")]);
    const reader = await readerOf(log, { group: "beyond", position: () => 10 });
    const answer = await code(pollUntilError(reader));
    expect(answer).toStartWith("LOG_SHORTER_THAN_CHECKPOINT");
    expect(answer).toContain("ends at offset 1, but beyond has already read up to 10");
  });

  run("a longer log that replaced the one that was read is refused; the same log, grown, is read further", async () => {
    const name = newName();
    const first = await harness.open(name);
    for (const text of ["0", "1", "2"]) await first.append([record("A", text)]);
    const reader = await first.reader({ group: "three", position: () => 0 });
    const seen_us = (await read(reader, 3)).at(-1)!.appended_us;
    await first.append([record("A", "3")]);
    const again = await first.reader({ group: "four", position: () => ({ next: 3, seen_us }) });
    expect((await read(again, 1)).map((r) => r.text)).toEqual(["3"]);
    for (const one of [reader, again, first]) await one.close();
    await harness.replace(name);
    const log = later(await harness.open(name));
    for (let i = 0; i < 10; i++) await log.append([record("A", `other ${i}`)]);
    const answer = await code(
      pollUntilError(await readerOf(log, { group: "other", position: () => ({ next: 3, seen_us }) })),
    );
    expect(answer).toStartWith("LOG_SHORTER_THAN_CHECKPOINT");
    expect(answer).toContain("is not the log that other has read up to offset 3");
  });

  run(
    "a position before the start is refused with the number of lost records; without a position reading begins at the start",
    async () => {
      const name = newName();
      const log = later(await harness.open(name));
      for (let i = 0; i < 10; i++) await log.append([record("A", `${i}`)]);
      await harness.dropBefore(name, 6);
      expect(await log.spans()).toEqual([{ partition: 0, start: 6, end: 10 }]);
      const answer = await code(pollUntilError(await readerOf(log, { group: "before", position: () => 2 })));
      expect(answer).toStartWith("LOG_SHORTER_THAN_CHECKPOINT");
      expect(answer).toContain("4 records it hasn't read are no longer kept");
      const got = await read(await readerOf(log, { group: "new", position: () => 0 }), 4);
      expect(got.map((r) => r.offset)).toEqual([6, 7, 8, 9]);
    },
  );
}

async function pollUntilError(reader: LogReader): Promise<void> {
  const until = performance.now() + 120_000;
  while (performance.now() < until) {
    const got = await reader.poll({ records_max: 10, timeout_ms: 500 });
    if (got.length > 0) throw new Error(`records came: ${unpack(got).map((r) => r.offset)}`);
  }
}
