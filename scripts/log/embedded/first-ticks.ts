/** The first tick of a product that a reader has not read: since when its answer lacks something. */
import type { BlockSource } from "./block-source.ts";

/** Records that one question reads at most: a few milliseconds. The next one continues there. */
const RECORDS_MAX = 10_000;

/** What was found in one partition from a reader's position on. */
interface Scan {
  position: number;
  /** The first block that was not read. */
  next: number;
  /** Receipts by product, microseconds since 1970 UTC. */
  received_us: Map<string, number>;
}

export class FirstTicks {
  /** By reader and partition. */
  readonly #scans = new Map<string, Scan>();

  /** `productOf`: the product of a record that is a tick; null for any other record. */
  constructor(private readonly productOf: (record: Uint8Array) => string | null) {}

  /**
   * Its receipt (its append time if it has none), microseconds since 1970 UTC; null in it if no tick
   * waits. Null if the tick is further away than one question reads. A partition without a position
   * was not read at all. Fails as `source` does.
   */
  find(
    source: BlockSource,
    partitions: number,
    reader: { name: string; positions: ReadonlyMap<number, number>; product: string },
  ): { received_us: number | null } | null {
    let records = RECORDS_MAX;
    const found: number[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const { start, end } = source.span(partition);
      const position = Math.max(start, reader.positions.get(partition) ?? 0);
      const scan = this.#scanOf(`${reader.name} ${partition}`, position, source, partition);
      while (scan.next < end && !scan.received_us.has(reader.product)) {
        if (records <= 0) return null;
        records -= this.#read(source, partition, scan);
      }
      const received_us = scan.received_us.get(reader.product);
      if (received_us !== undefined) found.push(received_us);
    }
    return { received_us: found.length === 0 ? null : Math.min(...found) };
  }

  /** For another log, whose offsets begin again. */
  clear(): void {
    this.#scans.clear();
  }

  #scanOf(name: string, position: number, source: BlockSource, partition: number): Scan {
    const known = this.#scans.get(name);
    if (known?.position === position) return known;
    const scan = { position, next: source.baseOf(partition, position), received_us: new Map() };
    this.#scans.set(name, scan);
    return scan;
  }

  /** Reads the next blocks; returns how many records it read. */
  #read(source: BlockSource, partition: number, scan: Scan): number {
    const batch = source.read(partition, scan.next, scan.next > scan.position)?.batch;
    if (batch === undefined) return RECORDS_MAX;
    for (let i = 0; i < batch.count; i++) {
      if (batch.offsets[i]! < scan.position) continue;
      const product = this.productOf(batch.buffer(i).subarray(batch.starts[i], batch.ends[i]));
      if (product === null || scan.received_us.has(product)) continue;
      const received_us = batch.received_us[i]!;
      scan.received_us.set(product, Number.isNaN(received_us) ? batch.appended_us[i]! : received_us);
    }
    scan.next = batch.offsets[batch.count - 1]! + 1;
    return batch.count;
  }
}
