/** What every log must do: a suite that each kind of log runs. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { median } from "../../scripts/base/median.ts";
import type { Log, LogBatch, LogReader, ReaderOptions } from "../../scripts/contract/log.ts";
import { bytesOf, type Got, read, record, unpack } from "../support/log-records.ts";
import { type Stage, until } from "../support/process.ts";
import { positions } from "./conformance-positions.ts";

export interface Harness {
  /** A new, empty log; the existing one if it is called again with the same name. */
  open(name: string, partitions?: number): Promise<Log>;
  /** Drops the records before `offset` of partition 0. */
  dropBefore(name: string, offset: number): Promise<void>;
  /** Replaces a log by an empty one. */
  replace(name: string): Promise<void>;
  /** Starts test/support/children/log-writer.ts on that log. */
  writer(name: string, key: string, total: number, size: number): Stage;
  /** Longer where a group has to be joined. */
  timeout_ms: number;
}

/** Longer than any machine needs: a poll that returns earlier was woken. */
const LONG_MS = 60_000;

let names = 0;
const opened: { close(): Promise<void> }[] = [];
/** Closed after the test, readers before their logs. */
export function later<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one);
  return one;
}
async function closed(all: { close(): Promise<void> }[]): Promise<void> {
  for (const one of all) await one.close();
}

export const newName = () => `log-${process.pid}-${++names}`;
/** A group of its own: readers of one group wait for one another. */
const fromStart = () => ({ group: newName(), position: () => 0 });
/** Registers the suite for one kind of log. */
export function conformance(kind: string, harness: Harness): void {
  const run = (text: string, body: () => Promise<void>) => test(`${kind}: ${text}`, body, harness.timeout_ms);
  const openNew = async (partitions?: number) => later(await harness.open(newName(), partitions));
  const readerOf: ReaderOf = async (log, options = fromStart()) => later(await log.reader(options));
  // A reader leaves its group only when its fetch ends: meanwhile the next test runs.
  const closing: Promise<void>[] = [];
  afterEach(() => void closing.push(closed(opened.splice(0).reverse())));
  afterAll(() => Promise.all(closing));

  reading(run, openNew, readerOf);
  positions(run, harness, openNew, readerOf);
  processes(run, harness, readerOf);
}

export type Run = (text: string, body: () => Promise<void>) => void;
export type OpenNew = (partitions?: number) => Promise<Log>;
export type ReaderOf = (log: Log, options?: Omit<ReaderOptions, "onRevoked">) => Promise<LogReader>;

function reading(run: Run, openNew: OpenNew, readerOf: ReaderOf): void {
  run("records come back in order, with dense offsets from 0, their keys and times", async () => {
    const log = await openNew();
    const before = nowUs();
    await log.append([record("A", "a0"), record("B", "b0")]);
    await log.append([record("A", "a1")]);
    await log.append([]);
    const got = await read(await readerOf(log), 3);
    expect(got.map((r) => [r.key, r.text, r.offset])).toEqual([
      ["A", "a0", 0],
      ["B", "b0", 1],
      ["A", "a1", 2],
    ]);
    for (let i = 0; i < got.length; i++) {
      // Kafka's times are whole milliseconds.
      expect(got[i]!.appended_us).toBeGreaterThanOrEqual(Math.floor(before / 1000) * 1000);
      expect(got[i]!.appended_us).toBeLessThanOrEqual(nowUs());
      if (i > 0) expect(got[i]!.appended_us).toBeGreaterThanOrEqual(got[i - 1]!.appended_us);
    }
  });

  run("a record's receipt time comes back beside its unchanged value and key; without one it is NaN", async () => {
    const log = await openNew();
    const now_us = nowUs();
    const times = [now_us - 3e6, undefined, now_us + 3_600e6, 0, 2 ** 52, now_us, Number.NaN];
    await log.append(times.map((received_us, i) => ({ ...record("A", `a${i}`), received_us })));
    const reader = await readerOf(log);
    const batches: LogBatch[] = [];
    const left = () => times.length - batches.reduce((sum, { count }) => sum + count, 0);
    while (left() > 0) batches.push(...(await reader.poll({ records_max: 3, timeout_ms: 1_000 })));
    expect(batches.flatMap(({ received_us }) => [...received_us])).toEqual(times.map((us) => us ?? Number.NaN));
    expect(unpack(batches).map(({ key, text }) => [key, text])).toEqual(times.map((_, i) => ["A", `a${i}`]));
    const [newest] = await log.tail(10);
    expect([newest!.count, newest!.received_us[0]]).toEqual([1, Number.NaN]);
  });

  run("a poll returns at most the requested number of records, and the next one continues", async () => {
    const log = await openNew();
    await log.append(Array.from({ length: 25 }, (_, i) => record("A", `${i}`)));
    const reader = await readerOf(log);
    const got: Got[] = [];
    while (got.length < 25) {
      const some = unpack(await reader.poll({ records_max: 7, timeout_ms: 1_000 }));
      expect(some.length).toBeLessThanOrEqual(7);
      got.push(...some);
    }
    expect(got.map((r) => r.text)).toEqual(Array.from({ length: 25 }, (_, i) => `${i}`));
  });

  run("40,000 records and odd values come back byte for byte", async () => {
    const log = await openNew();
    const odd = [
      new Uint8Array(0),
      new Uint8Array([0, 255, 254, 0, 128, 10]),
      new Uint8Array(1_000_000).fill(7),
      Buffer.from('{"é":"\\u0000 \n €"}'),
    ];
    const values: Uint8Array[] = [...odd];
    for (let i = 0; i < 40_000; i++) values.push(Buffer.from(`{"trade_id":${i},"x":"${"y".repeat(i % 50)}"}`));
    for (let i = 0; i < values.length; i += 5_000) {
      await log.append(values.slice(i, i + 5_000).map((value, j) => ({ key: `P-${(i + j) % 7}`, value })));
    }
    const reader = await readerOf(log);
    let next = 0;
    while (next < values.length) {
      const batches = await reader.poll({ records_max: 20_000, timeout_ms: LONG_MS });
      expect(batches.length).toBeGreaterThan(0);
      for (const batch of batches) {
        for (let i = 0; i < batch.count; i++, next++) {
          if (batch.offsets[i] !== next || Buffer.compare(bytesOf(batch, i), values[next]!) !== 0) {
            throw new Error(`record ${next} differs`);
          }
          if (batch.key(i) !== `P-${next % 7}`) throw new Error(`key of record ${next} differs`);
        }
      }
    }
  });

  run("records of one key stay in order in one partition of four, the same on every log", async () => {
    const log = await openNew(4);
    const keys = Array.from({ length: 20 }, (_, i) => `P${i}-USD`);
    for (let round = 0; round < 10; round++) await log.append(keys.map((key) => record(key, `${key} ${round}`)));
    const got = await read(await readerOf(log), 200);
    expect(got.length).toBe(200);
    for (const key of keys) {
      const mine = got.filter((r) => r.key === key);
      expect(mine.map((r) => r.text)).toEqual(Array.from({ length: 10 }, (_, round) => `${key} ${round}`));
      expect(new Set(mine.map((r) => r.partition)).size).toBe(1);
    }
    const partitionOf = new Map(got.map((r) => [r.key, r.partition]));
    expect(partitionOf.get("P0-USD")).toBe(PARTITIONS_BY_KAFKA["P0-USD"]);
    expect(partitionOf.get("P1-USD")).toBe(PARTITIONS_BY_KAFKA["P1-USD"]);
    expect(partitionOf.get("P2-USD")).toBe(PARTITIONS_BY_KAFKA["P2-USD"]);
  });

  run("a poll without records ends after its timeout, and a wake ends it at once", async () => {
    const log = await openNew();
    await log.append([record("A", "a")]);
    const reader = await readerOf(log);
    await read(reader, 1);
    const start = performance.now();
    expect(await reader.poll({ records_max: 10, timeout_ms: 200 })).toEqual([]);
    expect(performance.now() - start).toBeGreaterThan(150);
    const waiting = reader.poll({ records_max: 10, timeout_ms: LONG_MS });
    setTimeout(() => reader.wake(), 50);
    const woken = performance.now();
    expect(await waiting).toEqual([]);
    expect(performance.now() - woken).toBeLessThan(LONG_MS / 2);
  });

  run("a waiting poll returns an append of the same process within a second", async () => {
    const log = await openNew();
    await log.append([record("A", "0")]);
    const reader = await readerOf(log);
    await read(reader, 1);
    const took_ms: number[] = [];
    for (let i = 1; i < 20; i++) {
      const waiting = reader.poll({ records_max: 10, timeout_ms: LONG_MS });
      await Bun.sleep(5);
      const start = performance.now();
      await log.append([record("A", `${i}`)]);
      expect(unpack(await waiting).map((r) => r.text)).toEqual([`${i}`]);
      took_ms.push(performance.now() - start);
    }
    expect(median(took_ms)).toBeLessThan(1_000);
  });
}

/**
 * The partition of four by Kafka's own partitioner, toPositive(murmur2(key)) % 4
 * (org.apache.kafka.common.utils.Utils of 4.4.0).
 */
const PARTITIONS_BY_KAFKA: Record<string, number> = { "P0-USD": 3, "P1-USD": 2, "P2-USD": 2 };

function processes(run: Run, harness: Harness, readerOf: ReaderOf): void {
  run("a waiting reader sees an append of another process within a second", async () => {
    const name = newName();
    const log = later(await harness.open(name));
    const reader = await readerOf(log);
    const writer = harness.writer(name, "A", 20, 1);
    const [got, late_us]: [Got[], number[]] = [[], []];
    while (got.length < 20) {
      const some = unpack(await reader.poll({ records_max: 100, timeout_ms: LONG_MS }));
      const seen_us = nowUs();
      // The first ones may have been waiting for the reader to join its group.
      if (got.length > 0) late_us.push(...some.map((r) => seen_us - r.appended_us));
      got.push(...some);
    }
    if (late_us.length > 0) expect(median(late_us)).toBeLessThan(1_000_000);
    expect(await writer.ended).toBe(0);
    expect(got.map((r) => r.text)).toEqual(Array.from({ length: 20 }, (_, i) => `A ${i}`));
  });

  run("several processes that write at once lose and mix nothing", async () => {
    const name = newName();
    const log = later(await harness.open(name));
    const writers = ["A", "B", "C"].map((key) => harness.writer(name, key, 300, 3));
    expect(await Promise.all(writers.map((writer) => writer.ended))).toEqual([0, 0, 0]);
    const got = await read(await readerOf(log), 900);
    expect(got.map((r) => r.offset)).toEqual(Array.from({ length: 900 }, (_, i) => i));
    for (const key of ["A", "B", "C"]) {
      expect(got.filter((r) => r.key === key).map((r) => r.text)).toEqual(
        Array.from({ length: 300 }, (_, i) => `${key} ${i}`),
      );
    }
  });

  run("kill -9 of a writer keeps every append that was reported as durable, and leaves no half append", async () => {
    const name = newName();
    const log = later(await harness.open(name));
    const writer = harness.writer(name, "A", 1_000_000, 50);
    await until("40 appends", () => writer.printed().split("\n").length > 40, { every_ms: 2 });
    await writer.stop("SIGKILL");
    const said = writer.printed();
    const durable = Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
    await log.append([record("B", "after")]);
    const reader = await readerOf(log);
    const texts: string[] = [];
    while (!texts.includes("after")) {
      const some = await reader.poll({ records_max: 20_000, timeout_ms: LONG_MS });
      texts.push(...unpack(some).map((r) => r.text));
    }
    // What a broker had received before the kill may be stored even after a later append.
    const end = texts.indexOf("after");
    expect(end).toBeGreaterThanOrEqual(durable);
    expect(end % 50).toBe(0);
    expect(texts.slice(0, end)).toEqual(Array.from({ length: end }, (_, i) => `A ${i}`));
  });
}
