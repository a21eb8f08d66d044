import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../../support/ledger.ts';

/** How often a task is submitted. */
const EVERY_MS = 100;
/** Of so many tasks one takes 2 to 4 s; the others end at once. */
const LONG_ONE_IN = 5;
/** And one is due up to 3 s later, so that coordinators have claims that wait for their instant. */
const AHEAD_ONE_IN = 4;
const RETRY_MS = 50;

/** What one command did, by its own account. */
export interface Run {
  readonly taskId: string;
  readonly attempt: number;
  readonly ended: boolean;
}

/** Submits tasks at a steady pace until it is stopped, as a client that tries again when there is no answer. */
export class SteadyLoad {
  /** What answers of 503 have said. */
  readonly refusals = new Set<string>();
  readonly #submissions: Promise<string>[] = [];
  #accepted = 0;
  readonly #timer: NodeJS.Timeout;

  /** `url` of the scheduler is asked at each try. */
  constructor(
    private readonly url: () => string,
    private readonly ledger: Ledger,
  ) {
    this.#timer = setInterval(() => this.#submissions.push(this.#submit()), EVERY_MS);
  }

  get submitted(): number {
    return this.#submissions.length;
  }

  /** Those that were answered with an id. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Submits no more, and returns the ids of all that were accepted. */
  stop(): Promise<string[]> {
    clearInterval(this.#timer);
    return Promise.all(this.#submissions);
  }

  /** What ran, from the ledger. */
  runs(): Run[] {
    const lines = this.ledger.lines().map((line) => line.split(' '));
    const ends = new Set(lines.filter(([kind]) => kind === 'end').map(([, ...run]) => run.join(' ')));
    return lines
      .filter(([kind]) => kind === 'start')
      .map(([, taskId = '', attempt = '']) => ({
        taskId,
        attempt: Number(attempt),
        ended: ends.has(`${taskId} ${attempt}`),
      }));
  }

  async #submit(): Promise<string> {
    const index = this.#submissions.length;
    const seconds = index % LONG_ONE_IN === 0 ? (2 + 2 * Math.random()).toFixed(2) : '0';
    const run = '$HYDRA_TASK_ID $HYDRA_ATTEMPT';
    const task = {
      command: `${this.ledger.append(`start ${run}`)}; sleep ${seconds}; ${this.ledger.append(`end ${run}`)}`,
      // What is lost on the way fails.
      on_worker_lost: 'fail',
      ...(index % AHEAD_ONE_IN === 0 && { scheduled_at: new Date(Date.now() + 3_000 * Math.random()).toISOString() }),
      // Whoever gets no answer asks again with the same key.
      idempotency_key: randomUUID(),
    };
    for (;;) {
      const id = await this.#ask(JSON.stringify(task));
      if (id !== null) {
        this.#accepted += 1;
        return id;
      }
      await delay(RETRY_MS);
    }
  }

  /** `null`: there was no answer, or none yet. */
  async #ask(body: string): Promise<string | null> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${this.url()}/schedule`, { method: 'POST', headers, body }).catch(() => null);
    if (response === null) return null;
    if (response.status === 503) {
      const { detail } = (await response.json()) as { readonly detail: string };
      this.refusals.add(detail);
      return null;
    }
    if (!response.ok) throw new Error(`submitting answered ${response.status}: ${await response.text()}`);
    const answer = (await response.json().catch(() => null)) as { readonly task_id: string } | null;
    return answer?.task_id ?? null;
  }
}
