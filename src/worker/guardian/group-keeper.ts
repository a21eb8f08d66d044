import { setTimeout as delay } from 'node:timers/promises';
import { groupLives, killGroup } from '../process-group.ts';
import type { Abandoned, Keeper } from './keeper.ts';
import { NO_USAGE, type Begin, type EndRequest, type FromCompanion, type SignalRequest } from './protocol.ts';

const POLL_MS = 5;
/** After that long, what is left of an attempt is taken to be unkillable. */
const END_TIMEOUT_MS = 3_000;

/**
 * For systems without /proc: knows of an attempt only its process group. What leaves the group is not found, and
 * nothing is measured.
 */
export class GroupKeeper implements Keeper {
  /** By key of the attempt. */
  readonly #groups = new Map<string, number>();

  constructor(private readonly send: (message: FromCompanion) => void) {}

  begin({ key, leader }: Begin): void {
    this.#groups.set(key, leader.pid);
  }

  signal({ id, key, signal }: SignalRequest): void {
    const group = this.#groups.get(key);
    try {
      if (group !== undefined) process.kill(-group, signal);
    } catch {
      // Nobody is left in it.
    }
    this.#answer(id, 0);
  }

  end({ id, key, spareBackground }: EndRequest): void {
    const group = this.#groups.get(key);
    this.#groups.delete(key);
    if (group === undefined || spareBackground) this.#answer(id, 0);
    else void endGroup(group).then((survivors) => this.#answer(id, survivors));
  }

  fence(): void {
    for (const group of this.#groups.values()) killGroup(group);
    if (this.#groups.size > 0) this.send({ kind: 'fenced', keys: [...this.#groups.keys()] });
  }

  async abandon(): Promise<Abandoned> {
    const groups = [...this.#groups.values()].filter(groupLives);
    const survivors = await Promise.all(groups.map(endGroup));
    return { killed: groups.length, survivors: survivors.reduce<number>((sum, each) => sum + each, 0) };
  }

  #answer(id: number, survivors: number): void {
    this.send({ kind: 'done', id, usage: NO_USAGE, survivors });
  }
}

/** 1: somebody in it cannot be killed. */
async function endGroup(group: number): Promise<0 | 1> {
  for (const deadlineMs = performance.now() + END_TIMEOUT_MS; performance.now() < deadlineMs;) {
    killGroup(group);
    if (!groupLives(group)) return 0;
    await delay(POLL_MS);
  }
  return 1;
}
