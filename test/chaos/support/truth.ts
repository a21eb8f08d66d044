import type {
  History,
  InjectedFault,
  LedgerLine,
  PlannedTask,
  StoredAttempt,
  Transition,
} from '../../../chaos/events.ts';
import type { Final, Past, Story } from './story.ts';

/*
 * Runs of the harness as they may be when Hydra keeps every promise: what the commands wrote, what PostgreSQL has and
 * what was done to them, all in agreement.
 */

const EPOCH_MS = Date.UTC(2030, 0, 1);
const REASONS = {
  exited: 'exited',
  'cancelled before it started': 'cancelled',
  expired: null,
  'spawn error': 'spawn_error',
  signalled: 'signalled',
  lost: 'worker_lost',
  'out of time': 'timed_out',
  cancelled: 'cancelled',
  'timed out': 'timed_out',
} as const;

export function uuid(index: number): string {
  return `00000000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
}

/** One history of all stories; task `key-0` is of the first one, and has the id `uuid(0)`. */
export function tell(stories: readonly Story[]): History {
  const told = stories.map((story, index) => new Teller(story, index).tell());
  return {
    planned: told.map(({ planned }) => planned),
    accepted: told.map(({ task: { id }, planned: { key } }) => ({ key, taskId: id })),
    ledger: told.flatMap(({ ledger }) => ledger),
    tasks: told.map(({ task }) => task),
    attempts: told.flatMap(({ attempts }) => attempts),
    transitions: told.flatMap(({ transitions }) => transitions),
    faults: told.flatMap(({ faults }) => faults),
    orphans: [],
    exits: [],
  };
}

/** Tells the story of one task, as time goes by. */
class Teller {
  readonly #story: Story;
  readonly #index: number;
  readonly #id: string;
  readonly #key: string;
  readonly #ledger: LedgerLine[] = [];
  readonly #attempts: StoredAttempt[] = [];
  readonly #transitions: Transition[] = [];
  readonly #faults: InjectedFault[] = [];
  readonly #scheduledAtMs: number;
  #nowMs: number;
  #state = 'new';
  #attempt = 0;

  constructor(story: Story, index: number) {
    this.#story = story;
    this.#index = index;
    this.#id = uuid(index);
    this.#key = `key-${index}`;
    this.#nowMs = EPOCH_MS + index * 7;
    this.#scheduledAtMs = this.#nowMs + (story.delayMs ?? 0);
  }

  tell() {
    this.#become('scheduled');
    this.#nowMs = this.#scheduledAtMs;
    for (const past of this.#story.pasts) this.#tellPast(past);
    const { exitCode, state, workerId } = this.#tellFinal(this.#story.final);
    const task = {
      id: this.#id,
      key: this.#key,
      state,
      attempt: this.#attempt,
      lostAttempts: this.#attempts.filter(({ reason }) => reason === 'worker_lost').length,
      reason: REASONS[this.#story.final.fate],
      exitCode,
      scheduledAtMs: this.#scheduledAtMs,
      workerId,
    };
    return {
      planned: this.#plan(state),
      task,
      ledger: this.#ledger,
      attempts: this.#attempts,
      transitions: this.#transitions,
      faults: this.#faults,
    };
  }

  #plan(state: PlannedTask['mayEnd'][number]): PlannedTask {
    const { bounded, delayMs, final, pasts } = this.#story;
    const fails = final.fate === 'out of time' || pasts.some(({ fate }) => fate === 'failed');
    const starts = this.#ledger.filter(({ kind }) => kind === 'start').length;
    return {
      key: this.#key,
      kind: final.fate,
      body: {
        ...(fails && { max_attempts: 100 }),
        ...(final.fate === 'timed out' && { timeout_ms: 1_000 }),
        ...(final.fate === 'out of time' && { total_timeout_ms: 1_000 }),
        ...(final.fate === 'expired' && { start_deadline: new Date(this.#nowMs).toISOString() }),
      },
      scheduledAtMs: delayMs === null ? null : this.#scheduledAtMs,
      mayEnd: [state],
      mostStarts: bounded ? starts : null,
      cancelAfterMs: state === 'cancelled' ? 100 : null,
      ...(final.fate === 'signalled' && { endsItself: true }),
    };
  }

  #tellPast(past: Past): void {
    this.#claim();
    switch (past.fate) {
      case 'released':
        this.#attempt -= 1;
        break;
      case 'given up':
        break;
      case 'failed':
        this.#run(past.exitCode);
        this.#archive('exited', past.exitCode);
        break;
      case 'lost':
        this.#loseWorker(past.started, past.exitCode);
        this.#archive('worker_lost', null);
        break;
    }
    this.#become('scheduled');
  }

  #tellFinal(final: Final) {
    switch (final.fate) {
      case 'expired':
        return this.#end('expired');
      case 'cancelled before it started':
        return this.#end('cancelled');
      case 'out of time':
        this.#claim();
        this.#run(final.exitCode);
        this.#archive('exited', final.exitCode);
        return this.#end('failed');
      case 'lost':
        this.#claim();
        this.#loseWorker(true, null);
        return this.#end('failed', this.#worker());
      case 'spawn error':
        this.#claim();
        return this.#end('failed', this.#worker());
      case 'signalled':
        this.#claim();
        this.#run(null);
        return this.#end('failed', this.#worker());
      case 'exited':
      case 'cancelled':
      case 'timed out': {
        this.#claim();
        this.#run(final.exitCode);
        const exited = final.exitCode === 0 ? 'completed' : 'failed';
        const state = final.fate === 'exited' ? exited : final.fate === 'cancelled' ? 'cancelled' : 'failed';
        return this.#end(state, this.#worker(), final.exitCode);
      }
    }
  }

  /** Every attempt has a worker of its own, so that no fault of another story explains what happens in this one. */
  #worker(): string {
    return `worker-${this.#index}-${this.#attempt}`;
  }

  #pass(): void {
    this.#nowMs += 10;
  }

  #become(state: string): void {
    this.#pass();
    this.#transitions.push({
      taskId: this.#id,
      attempt: this.#attempt,
      from: this.#state,
      to: state,
      atMs: this.#nowMs,
    });
    this.#state = state;
  }

  #end(state: PlannedTask['mayEnd'][number], workerId: string | null = null, exitCode: number | null = null) {
    this.#become(state);
    return { state, workerId, exitCode };
  }

  #claim(): void {
    this.#attempt += 1;
    this.#become('picked');
  }

  #line() {
    return {
      key: this.#key,
      taskId: this.#id,
      attempt: this.#attempt,
      atNs: BigInt(this.#nowMs) * 1_000_000n + 123n,
    };
  }

  /** `null`: it did not come to an end by itself. */
  #run(exitCode: number | null): void {
    this.#pass();
    const pid = 1_000 + this.#ledger.length;
    this.#ledger.push({ kind: 'start', ...this.#line(), workerId: this.#worker(), pid, held: true });
    if (this.#story.startsRecorded) this.#become('running');
    this.#pass();
    if (exitCode !== null) this.#ledger.push({ kind: 'end', ...this.#line(), exitCode });
  }

  #loseWorker(started: boolean, exitCode: number | null): void {
    if (started) this.#run(exitCode);
    this.#pass();
    this.#faults.push({
      kind: 'kill',
      target: this.#worker(),
      mayCost: [this.#worker()],
      beganMs: this.#nowMs,
      healedMs: this.#nowMs,
      recoveredAfterMs: 15_000 + this.#index,
      recovery: 'its tasks run elsewhere',
    });
    this.#nowMs += 15_000;
  }

  #archive(reason: string, exitCode: number | null): void {
    const attempt = { taskId: this.#id, attempt: this.#attempt };
    this.#attempts.push({ ...attempt, reason, exitCode, workerId: this.#worker() });
    this.#transitions.push({ ...attempt, from: reason, to: 'archived', atMs: this.#nowMs });
  }
}
