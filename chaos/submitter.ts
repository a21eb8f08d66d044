import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { PlannedTask } from './events.ts';
import type { Journal } from './journal.ts';
import type { LedgerPaths } from './ledger.ts';
import { planTask, type Arrival } from './workload.ts';

/** Most requests at once; further ones wait for their turn. */
const AT_ONCE = 32;

export interface SubmitterOptions {
  readonly client: Client;
  readonly ledger: LedgerPaths;
  readonly journal: Journal;
  readonly signal: AbortSignal;
}

/** Submits the workload, each task when its time comes, and cancels what is to be cancelled. */
export class Submitter {
  readonly planned: PlannedTask[] = [];
  readonly #options: SubmitterOptions;
  readonly #waiting: (() => void)[] = [];
  #free = AT_ONCE;
  #canaries = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** Returns when every task has been accepted and every cancel was answered. `beganMs`: by `performance.now()`. */
  async run(workload: readonly Arrival[], beganMs: number): Promise<void> {
    const requests: Promise<void>[] = [];
    for (const request of requestsOf(workload)) {
      await this.#pause(beganMs + request[0].atMs - performance.now());
      const submitted = this.#submit(request);
      submitted.catch(() => undefined); // Thrown below.
      requests.push(submitted);
    }
    await Promise.all(requests);
  }

  /** A small task that goes before all others; the result is its id. */
  async canary(): Promise<string> {
    this.#canaries += 1;
    const draft = {
      key: `canary-${this.#canaries}`,
      kind: 'canary',
      script: ':',
      fields: { priority: 100 },
      mayEnd: ['completed'] as const,
      ...{ dueInMs: null, deadlineInMs: null, cancelAfterMs: null, mostStarts: null, endsItself: false },
    };
    return (await this.#send([draft]))[0] ?? '';
  }

  async #submit(request: readonly Arrival[]): Promise<void> {
    const ids = await this.#inTurn(() => this.#send(request));
    await Promise.all(
      request.map(async ({ cancelAfterMs }, index) => {
        if (cancelAfterMs === null) return;
        await this.#pause(cancelAfterMs);
        await this.#inTurn(() => this.#options.client.cancel(ids[index] ?? ''));
      }),
    );
  }

  async #send(drafts: readonly Parameters<typeof planTask>[0][]): Promise<string[]> {
    const { client, journal, ledger } = this.#options;
    const tasks = drafts.map((draft) => planTask(draft, ledger));
    this.planned.push(...tasks);
    const ids = await client.submit(tasks.map(({ body, key }) => ({ ...body, idempotency_key: key })));
    await journal.add(tasks.map(({ key }, index) => ({ key, taskId: ids[index] ?? '' })));
    return ids;
  }

  async #inTurn<T>(what: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await what();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: this.#options.signal });
  }
}

/** Batches stay together; every other task is a request of its own. */
function requestsOf(workload: readonly Arrival[]): [Arrival, ...Arrival[]][] {
  const requests: [Arrival, ...Arrival[]][] = [];
  const batches = new Map<number, Arrival[]>();
  for (const arrival of workload) {
    const batch = arrival.batch === null ? undefined : batches.get(arrival.batch);
    if (batch !== undefined) {
      batch.push(arrival);
      continue;
    }
    const request: [Arrival, ...Arrival[]] = [arrival];
    requests.push(request);
    if (arrival.batch !== null) batches.set(arrival.batch, request);
  }
  return requests;
}
