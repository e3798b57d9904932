/** Which trade ids of one product were seen, of any age (docs/decisions/0028-seen-ids.md). */
import { SEEN_BLOCKS_MAX, SEEN_LIST_IDS_MAX } from "../base/limits.ts";
import { SEEN_BLOCK_IDS as IDS, type SeenBlock } from "../contract/window.ts";

const BYTES = IDS / 8;

/**
 * In a range of more blocks than this, only the stored ones are visited: a single outlier id must
 * not trigger a scan of every block below it.
 */
const WALK_BLOCKS_MAX = 64;

/** Blocks that are not in memory. */
interface StoredBlocks {
  /** Reads one back; undefined when none of its ids was ever seen, null when all were. */
  load(block: number): Uint8Array | null | undefined;
  /** Which of the blocks `from` to `to` are stored. */
  between(from: number, to: number): number[];
}

/**
 * `list` while there are few ids, then `bits`; both null: every id was seen. So memory follows the
 * number of ticks, not the range of their ids.
 */
interface Block {
  list: number[] | null;
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
    if (!addTo(block, id - number * IDS)) return false;
    if (!block.dirty) {
      block.dirty = true;
      this.#dirty.push(number);
    }
    return true;
  }

  /** How many ids of (after, last] were seen. */
  countBetween(after: number, last: number): number {
    let count = 0;
    for (const number of this.#between(Math.floor((after + 1) / IDS), Math.floor(last / IDS))) {
      const block = this.#get(number);
      const from = Math.max(after + 1, number * IDS);
      const stop = Math.min(last + 1, (number + 1) * IDS);
      count += stop - from === IDS ? block.count : countIn(block, from - number * IDS, stop - number * IDS);
    }
    return count;
  }

  /** Blocks changed since the last call of `committed`. */
  dirty(): SeenBlock[] {
    return this.#dirty.map((number) => {
      return { product_id: this.product_id, block: number, bits: encode(this.#blocks.get(number)!) };
    });
  }

  /** The dirty blocks are stored: from now on they may leave memory. */
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
    const block = decode(loaded);
    this.#blocks.set(number, block);
    return block;
  }
}

/** Marks one of a block's ids; true when it was new. */
function addTo(block: Block, id: number): boolean {
  const { bits } = block;
  if (bits === null) {
    if (block.list === null || !insert(block.list, id)) return false;
    block.count++;
    if (block.count > SEEN_LIST_IDS_MAX) toBitmap(block, block.list);
    return true;
  }
  const at = id >> 3;
  const mask = 1 << (id & 7);
  const byte = bits[at]!;
  if ((byte & mask) !== 0) return false;
  bits[at] = byte | mask;
  if (++block.count === IDS) block.bits = null;
  return true;
}

/** Puts an id into a sorted list, mostly at its end; false when it is there. */
function insert(list: number[], id: number): boolean {
  let at = list.length;
  while (at > 0 && list[at - 1]! > id) at--;
  if (at > 0 && list[at - 1] === id) return false;
  if (at === list.length) list.push(id);
  else list.splice(at, 0, id);
  return true;
}

function toBitmap(block: Block, list: readonly number[]): void {
  const bits = new Uint8Array(BYTES);
  for (const id of list) bits[id >> 3]! |= 1 << (id & 7);
  block.bits = bits;
  block.list = null;
}

/** A block as it is stored (contract/window.ts SeenBlock). */
function encode({ list, bits }: Block): Uint8Array | null {
  if (list === null) return bits;
  const bytes = new Uint8Array(2 * list.length);
  for (const [i, id] of list.entries()) {
    bytes[2 * i] = id & 0xff;
    bytes[2 * i + 1] = id >> 8;
  }
  return bytes;
}

function decode(stored: Uint8Array | null | undefined): Block {
  if (stored === null) return { list: null, bits: null, count: IDS, dirty: false };
  if (stored?.length === BYTES) {
    return { list: null, bits: stored.slice(), count: countBits(stored, 0, IDS), dirty: false };
  }
  const list: number[] = [];
  for (let at = 0; at < (stored?.length ?? 0); at += 2) list.push(stored![at]! | (stored![at + 1]! << 8));
  return { list, bits: null, count: list.length, dirty: false };
}

/** Ids of [from, stop) in a block. */
function countIn({ list, bits }: Block, from: number, stop: number): number {
  if (list !== null) return list.reduce((count, id) => count + (id >= from && id < stop ? 1 : 0), 0);
  return bits === null ? stop - from : countBits(bits, from, stop);
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
