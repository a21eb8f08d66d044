import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../src/db/pool.ts';
import type { Client } from './client.ts';
import type { Member } from './member.ts';
import type { Submitter } from './submitter.ts';

export interface RecoveryOptions {
  readonly db: Queryable;
  readonly client: Client;
  readonly submitter: Submitter;
  /** After so long nobody waits any more. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RunningAttempt {
  readonly id: string;
  readonly attempt: number;
}

const POLL_MS = 25;
/** For an answer before a fault, which must not wait for one that comes late. */
const SOON_MS = 1_000;
/** What was on its way when a fault began may still be committed. */
const ON_ITS_WAY_MS = 100;

const RUNNING = /* sql */ `SELECT id, attempt FROM tasks WHERE worker_id = $1 AND state = 'running'`;

/** Those of the attempts after which nothing has happened yet. */
const LEFT_ALONE = /* sql */ `
  SELECT count(*)::int AS count
  FROM unnest($1::uuid[], $2::int[]) AS a (id, attempt) JOIN tasks t USING (id)
  WHERE NOT (t.state IN ('completed', 'failed', 'cancelled', 'expired') OR t.attempt > a.attempt AND t.state = 'running'
    OR EXISTS (SELECT FROM past_attempts p WHERE p.task_id = t.id AND p.attempt > a.attempt AND p.started_at IS NOT NULL))
`;

const OF_COORDINATOR = /* sql */ `
  SELECT id FROM workers WHERE coordinator_id = $1 AND lease_until > clock_timestamp()
`;

/** Workers that a live coordinator has given a sign of since an instant. */
const SERVED = /* sql */ `
  SELECT w.id FROM workers w JOIN coordinators c ON c.id = w.coordinator_id
  WHERE w.id = ANY($1) AND c.id <> ALL($3::uuid[]) AND least(w.lease_until, c.lease_until) > clock_timestamp()
    AND w.last_heartbeat_at >= to_timestamp($2::float8 / 1000)
`;

const ENDED = /* sql */ `SELECT FROM tasks WHERE id = $1 AND state = 'completed'`;

/**
 * Finds out when what a fault has hit is served again. Each result is an instant by `Date.now()`, or `null`: it never
 * was, or the run was called off.
 */
export class Recovery {
  constructor(private readonly options: RecoveryOptions) {}

  /** What runs on a worker, as far as PostgreSQL knows. Waits a moment for something that does. */
  async runningOn(workerId: string): Promise<RunningAttempt[]> {
    for (const deadline = Date.now() + SOON_MS; ;) {
      const asked = this.options.db.query<RunningAttempt>(RUNNING, [workerId]).then(({ rows }) => rows);
      const running = (await this.#soon(asked)) ?? [];
      if (running.length > 0 || Date.now() > deadline) return running;
      await delay(POLL_MS);
    }
  }

  /** A coordinator's id, if it has one, and its workers, as far as PostgreSQL knows and can be asked. */
  async workersOf(coordinator: Member): Promise<{ coordinatorId: string | undefined; workers: string[] }> {
    const coordinatorId = (await this.#soon(coordinator.ready))?.coordinatorId;
    if (coordinatorId === undefined) return { coordinatorId, workers: [] };
    const asked = this.options.db.query<{ id: string }>(OF_COORDINATOR, [coordinatorId]);
    return { coordinatorId, workers: (await this.#soon(asked))?.rows.map(({ id }) => id) ?? [] };
  }

  /** Each has been followed by another attempt that has started, or its task has ended. */
  untilStartedElsewhere(attempts: readonly RunningAttempt[]): Promise<number | null> {
    return this.#until(async () => {
      const values = [attempts.map(({ id }) => id), attempts.map(({ attempt }) => attempt)];
      const { rows } = await this.options.db.query<{ count: number }>(LEFT_ALONE, values);
      return rows[0]?.count === 0;
    });
  }

  /**
   * Each of the workers that is still there has a live coordinator and a lease that was renewed after an instant.
   * `workers` is asked again and again, since they may come back as others. `gone`: the coordinator that they had, which
   * does not come back; what it had on its way does not count then, and needs no time to get there.
   */
  untilServed(workers: () => readonly string[], sinceMs: number, gone?: string): Promise<number | null> {
    return this.#until(async () => {
      const wanted = workers();
      const values = [wanted, gone === undefined ? sinceMs + ON_ITS_WAY_MS : sinceMs, gone === undefined ? [] : [gone]];
      const { rows } = await this.options.db.query<{ id: string }>(SERVED, values);
      return wanted.every((id) => rows.some((row) => row.id === id));
    });
  }

  /** A task that is submitted now has run. */
  async untilTaskRuns(): Promise<number | null> {
    const late = delay(this.options.timeoutMs, null, { ref: false });
    const id = await Promise.race([this.options.submitter.canary().catch(() => null), late]);
    if (id === null) return null;
    return this.#until(async () => (await this.options.db.query(ENDED, [id])).rowCount === 1);
  }

  /** A request is answered. */
  untilAnswered(): Promise<number | null> {
    return this.#until(() => this.options.client.isServed());
  }

  until(condition: () => boolean): Promise<number | null> {
    return this.#until(() => Promise.resolve(condition()));
  }

  async #until(condition: () => Promise<boolean>): Promise<number | null> {
    const deadline = Date.now() + this.options.timeoutMs;
    while (Date.now() < deadline && !this.options.signal.aborted) {
      // What cannot be asked is not served.
      if (await condition().catch(() => false)) return Date.now();
      await delay(POLL_MS);
    }
    return null;
  }

  /** The answer if there is one at once. */
  async #soon<T>(asked: Promise<T>): Promise<T | null> {
    return Promise.race([asked.catch(() => null), delay(SOON_MS, null)]);
  }
}
