/** A key's partition by Kafka's own rule: the same on both logs and for other clients. */

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils), signed as in Java. */
function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let h = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, MULTIPLIER);
    k ^= k >>> 24;
    h = Math.imul(h, MULTIPLIER) ^ Math.imul(k, MULTIPLIER);
  }
  if (whole < length) {
    for (let i = length - 1; i >= whole; i--) h ^= bytes[i]! << (8 * (i - whole));
    h = Math.imul(h, MULTIPLIER);
  }
  h ^= h >>> 13;
  h = Math.imul(h, MULTIPLIER);
  return h ^ (h >>> 15);
}

const encoder = new TextEncoder();

/** Partitions of keys, for a fixed number of partitions; remembers 10,000 keys. */
export class Partitioner {
  #known = new Map<string, number>();

  constructor(readonly partitions: number) {}

  partitionOf(key: string): number {
    if (this.partitions === 1) return 0;
    let partition = this.#known.get(key);
    if (partition === undefined) {
      partition = (murmur2(encoder.encode(key)) & 0x7fffffff) % this.partitions;
      if (this.#known.size > 10_000) this.#known.clear();
      this.#known.set(key, partition);
    }
    return partition;
  }

  /** Records by partition, each in their order. */
  group<T extends { key: string }>(records: T[]): Map<number, T[]> {
    if (this.partitions === 1) return new Map([[0, records]]);
    const groups = new Map<number, T[]>();
    for (const record of records) {
      const partition = this.partitionOf(record.key);
      const group = groups.get(partition);
      if (group) group.push(record);
      else groups.set(partition, [record]);
    }
    return groups;
  }
}
