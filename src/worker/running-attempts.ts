import { refKey, type Attempt, type AttemptInHand, type AttemptRef } from '../rpc/messages.ts';
import { ageUs } from './age.ts';
import type { StopCause } from './attempt-result.ts';
import { AttemptRun, type AttemptRunOptions } from './attempt-run.ts';

export type RunningAttemptsOptions = Omit<AttemptRunOptions, 'attempt'>;

/** The attempts that were taken and whose results are not handed on yet; each holds a slot. */
export class RunningAttempts {
  readonly #options: RunningAttemptsOptions;
  readonly #byKey = new Map<string, AttemptRun>();
  /** Until nothing of them is left; dropped ones, too. */
  readonly #alive = new Map<AttemptRun, Promise<void>>();

  constructor(options: RunningAttemptsOptions) {
    const { events } = options;
    this.#options = {
      ...options,
      events: {
        ...events,
        onEnded: (ended) => {
          this.#byKey.delete(refKey(ended.ref));
          events.onEnded(ended);
        },
      },
    };
  }

  get count(): number {
    return this.#byKey.size;
  }

  has(ref: AttemptRef): boolean {
    return this.#byKey.has(refKey(ref));
  }

  /** What a registration says of them, with ages as of `nowMs`. What it does not name goes back as not received. */
  inHand(nowMs: number): AttemptInHand[] {
    const runs = [...this.#byKey.values()].filter((run) => !run.neverStarts);
    return runs.map(({ ref, startedAtMs }) => ({ ref, startedAgeUs: ageUs(startedAtMs ?? nowMs, nowMs) }));
  }

  start(attempt: Attempt): void {
    const run = new AttemptRun({ ...this.#options, attempt });
    this.#byKey.set(refKey(attempt.ref), run);
    this.#alive.set(
      run,
      run.start().finally(() => this.#alive.delete(run)),
    );
  }

  /** Stops those of `refs` that run, or all, in the way that their options say, and has them reported. */
  stop(refs: readonly AttemptRef[] | 'all', cause: StopCause, graceLimitMs?: number): void {
    const runs = refs === 'all' ? [...this.#byKey.values()] : this.#find(refs);
    for (const run of runs) run.stop(cause, graceLimitMs);
  }

  /** Kills those of `refs` that run and forgets them; says which. */
  drop(refs: readonly AttemptRef[]): AttemptRef[] {
    return this.#find(refs).map((run) => {
      this.#byKey.delete(refKey(run.ref));
      run.drop();
      return run.ref;
    });
  }

  /** The right to run them has ended: kills all that have not ended by themselves, and says which. */
  fence(): AttemptRef[] {
    return [...this.#byKey.values()].filter((run) => run.fence()).map(({ ref }) => ref);
  }

  /** Kills all and forgets them. */
  dropAll(): void {
    this.drop([...this.#byKey.values()].map(({ ref }) => ref));
  }

  /** There is a session, perhaps another one. */
  resumeStdin(): void {
    for (const run of this.#byKey.values()) run.resumeStdin();
  }

  /** Resolves when nothing is left of each that was ever started, unless it could not be killed. */
  async dead(): Promise<void> {
    await Promise.all(this.#alive.values());
  }

  #find(refs: readonly AttemptRef[]): AttemptRun[] {
    return refs.flatMap((ref) => this.#byKey.get(refKey(ref)) ?? []);
  }
}
