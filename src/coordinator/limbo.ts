import type { AttemptKey } from '../db/attempt-key.ts';
import { findWorkerStandings, type SessionKey } from '../db/find-worker-standings.ts';
import { giveUpClaims } from '../db/give-up-claims.ts';
import type { LostAttempt } from '../db/lose-attempts.ts';
import { loseDispatched } from '../db/lose-dispatched.ts';
import type { Queryable } from '../db/pool.ts';
import type { WorkerSession } from './worker-session.ts';

/** A worker that has lost its session is mostly back within this time, here or elsewhere. */
const FRESH_MS = 5_000;

interface Ended extends SessionKey {
  readonly keys: readonly AttemptKey[];
}

/**
 * Attempts that were sent down a session which then broke, and were not reported as started: the worker may or may not
 * have got them. They stay with their claim until the worker's fate is known. If it registers anew, anywhere, it names
 * what it runs, and what it did not name was never received; if its lease ends, also when that shows by another process
 * that has its id, they count as lost.
 */
export class Limbo {
  readonly #sessions = new Map<string, Ended>();
  /** When something was last moved in here, by the monotonic clock. */
  #newestMs = -Infinity;

  constructor(
    private readonly db: Queryable,
    private readonly coordinatorId: string,
  ) {}

  /** Attempts not settled yet. */
  keys(): AttemptKey[] {
    return [...this.#sessions.values()].flatMap((ended) => ended.keys);
  }

  /** Moves what the session was sent and did not report in here, so that it is settled once. */
  take(session: WorkerSession): void {
    const keys = session.unheard().map((entry) => entry.ref);
    for (const ref of keys) session.free(ref);
    if (keys.length === 0) return;
    this.#sessions.set(session.id, { ...session.key, keys });
    this.#newestMs = performance.now();
  }

  /** Something may soon be settled, which nobody tells of when the worker registers elsewhere. */
  get fresh(): boolean {
    return this.#sessions.size > 0 && performance.now() - this.#newestMs < FRESH_MS;
  }

  /**
   * Settles what can be settled now. Returns what was lost. Nobody counts as gone whose lease had not ended at the
   * instant `beforeMs`, by PostgreSQL's clock; `null`: nobody at all, since leases may have ended only because
   * PostgreSQL was away.
   */
  async settle(beforeMs: number | null): Promise<LostAttempt[]> {
    if (this.#sessions.size === 0) return [];
    const lost: LostAttempt[] = [];
    const sessions = [...this.#sessions.values()];
    const standings = await findWorkerStandings(this.db, sessions, beforeMs);
    for (const { sessionId, keys } of sessions) {
      const standing = standings.get(sessionId)?.standing ?? 'gone';
      switch (standing) {
        case 'same_session':
          continue;
        case 'newer_session':
          await giveUpClaims(this.db, this.coordinatorId, keys);
          break;
        case 'gone':
        case 'other_process':
          if (standing === 'gone' && beforeMs === null) continue;
          lost.push(...(await loseDispatched(this.db, this.coordinatorId, keys)));
          break;
      }
      this.#sessions.delete(sessionId);
    }
    return lost;
  }
}
