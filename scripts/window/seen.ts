/** Which trade ids of one product were seen: one bit each, in blocks of 4,096, so that a duplicate is known however old it is. */
import { SEEN_BLOCKS_MAX } from "../common/limits.ts";
import type { SeenBlock } from "../common/window.ts";

const IDS = 4_096;
const BYTES = IDS / 8;

/** A range of more blocks than this is counted by asking which of them there are: one wild id must not cost a walk over all ids below it. */
const WALK_BLOCKS_MAX = 64;

/** Blocks that are not in memory. */
export interface StoredBlocks {
  /** Reads one back; undefined when none of its ids was ever seen, null when all were. */
  load(block: number): Uint8Array | null | undefined;
  /** Which of the blocks `from` to `to` are stored. */
  between(from: number, to: number): number[];
}

interface Block {
  bits: Uint8Array | null;
  count: number;
  dirty: boolean;
}

export class SeenIds {
  #blocks = new Map<number, Block>();
  #dirty: number[] = [];
  #current = -1;
  #block: Block | null = null;

  constructor(
    readonly product_id: string,
    readonly stored: StoredBlocks,
  ) {}

  /** Marks an id; true when it was new. */
  add(id: number): boolean {
    const number = Math.floor(id / IDS);
    if (number !== this.#current || this.#block === null) this.#open(number);
    const block = this.#block!;
    if (block.bits === null) return false;
    const bit = id - number * IDS;
    const at = bit >> 3;
    const mask = 1 << (bit & 7);
    const byte = block.bits[at]!;
    if ((byte & mask) !== 0) return false;
    block.bits[at] = byte | mask;
    if (!block.dirty) {
      block.dirty = true;
      this.#dirty.push(number);
    }
    if (++block.count === IDS) block.bits = null;
    return true;
  }

  /** How many ids of (after, last] were seen. */
  countBetween(after: number, last: number): number {
    let count = 0;
    for (const number of this.#between(Math.floor((after + 1) / IDS), Math.floor(last / IDS))) {
      const block = this.#get(number);
      const from = Math.max(after + 1, number * IDS);
      const stop = Math.min(last + 1, (number + 1) * IDS);
      if (block.bits === null) count += stop - from;
      else if (stop - from === IDS) count += block.count;
      else if (block.count > 0) count += countBits(block.bits, from - number * IDS, stop - number * IDS);
    }
    return count;
  }

  /** Blocks changed since the last call of `committed`. */
  dirty(): SeenBlock[] {
    return this.#dirty.map((number) => {
      const bits = this.#blocks.get(number)!.bits;
      return { product_id: this.product_id, block: number, bits };
    });
  }

  /** The dirty blocks are stored: they may leave memory from now on. */
  committed(): void {
    for (const number of this.#dirty) this.#blocks.get(number)!.dirty = false;
    this.#dirty = [];
    for (const number of this.#blocks.keys()) {
      if (this.#blocks.size <= SEEN_BLOCKS_MAX) break;
      if (number !== this.#current) this.#blocks.delete(number);
    }
  }

  /** Blocks `from` to `to` that may hold an id. */
  *#between(from: number, to: number): Iterable<number> {
    if (to - from < WALK_BLOCKS_MAX) {
      for (let number = from; number <= to; number++) yield number;
      return;
    }
    const known = [...this.#blocks.keys()].filter((number) => number >= from && number <= to);
    yield* new Set([...known, ...this.stored.between(from, to)]);
  }

  #open(number: number): void {
    this.#block = this.#get(number);
    this.#current = number;
  }

  #get(number: number): Block {
    const known = this.#blocks.get(number);
    if (known !== undefined) return known;
    const loaded = this.stored.load(number);
    const bits = loaded === undefined ? new Uint8Array(BYTES) : loaded === null ? null : loaded.slice();
    const block = { bits, count: bits === null ? IDS : countBits(bits, 0, IDS), dirty: false };
    this.#blocks.set(number, block);
    return block;
  }
}

/** Set bits of bits[from, to). */
function countBits(bits: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let bit = from; bit < to; ) {
    if ((bit & 7) === 0 && to - bit >= 8) {
      let byte = bits[bit >> 3]!;
      for (; byte !== 0; byte &= byte - 1) count++;
      bit += 8;
    } else {
      if ((bits[bit >> 3]! & (1 << (bit & 7))) !== 0) count++;
      bit++;
    }
  }
  return count;
}
