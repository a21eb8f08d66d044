/** Sums by key. A key whose sum is 0 is not kept. */
export class Tally<Key> {
  readonly #sums = new Map<Key, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Those with a sum that is not 0. */
  keys(): Key[] {
    return [...this.#sums.keys()];
  }

  of(key: Key): number {
    return this.#sums.get(key) ?? 0;
  }

  add(key: Key, amount: number): void {
    const sum = this.of(key) + amount;
    this.#total += amount;
    if (sum === 0) this.#sums.delete(key);
    else this.#sums.set(key, sum);
  }
}
