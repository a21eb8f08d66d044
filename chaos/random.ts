import { createHash } from 'node:crypto';

/** Numbers that follow from a seed (mulberry32), so that what was drawn once can be drawn again. */
export class Random {
  #state: number;

  /** `purpose` keeps streams apart: drawing more of one changes nothing of another. */
  constructor(
    private readonly seed: number,
    private readonly purpose: string,
  ) {
    this.#state = createHash('sha256').update(`${seed} ${purpose}`).digest().readUInt32LE();
  }

  /** A stream of its own, whatever was drawn from this one. */
  fork(purpose: string): Random {
    return new Random(this.seed, `${this.purpose}/${purpose}`);
  }

  /** From 0 up to, and without, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  integer(least: number, most: number): number {
    return Math.floor(least + this.fraction() * (Math.floor(most) - Math.ceil(least) + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @throws Error when there is nothing to pick from. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.map(() => left.splice(this.integer(0, left.length - 1), 1)[0] as T);
  }

  /** Time from one event to the next where they come at random, `perSecond` of them on average; milliseconds. */
  waitMs(perSecond: number): number {
    return (-Math.log(1 - this.fraction()) / perSecond) * 1_000;
  }
}
