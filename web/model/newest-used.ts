/** A cache that forgets what was not used for the longest time. */

export class NewestUsed<K, V> {
  readonly #kept = new Map<K, { value: V; size: number }>();
  #size = 0;

  /** `max`: of the sizes that `set` is given, in total; the newest is kept in any case. */
  constructor(private readonly max: number) {}

  has(key: K): boolean {
    return this.#kept.has(key);
  }

  get(key: K): V | undefined {
    const known = this.#kept.get(key);
    if (known === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known.value;
  }

  set(key: K, value: V, size = 1): void {
    this.delete(key);
    this.#kept.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= this.max || oldest === key) break;
      this.delete(oldest);
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#size = 0;
  }

  delete(key: K): void {
    this.#size -= this.#kept.get(key)?.size ?? 0;
    this.#kept.delete(key);
  }
}
