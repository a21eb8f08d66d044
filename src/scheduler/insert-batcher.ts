import type { InsertedTask } from '../db/insert-tasks.ts';
import { isRefused } from '../db/unavailable.ts';
import { HydraError } from '../domain/errors.ts';
import type { NewTask } from '../domain/task-input.ts';

/** Most tasks of one statement. */
const MAX_BATCH = 1_000;
/** Most bytes of one statement, unless one task alone has more. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Most tasks that wait for a statement, and most of their bytes; beyond that, callers are to try again. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 128 * 1024 * 1024;
/** Longest that a task waits for a statement, give or take a look; whoever submitted it waits as well. */
const MAX_WAIT_MS = 5_000;
/** How often to look for those. */
const LOOK_MS = 1_000;

export interface InsertBatcherOptions {
  readonly maxWaiting?: number;
  /** Tasks were refused for want of room (`insert_queue`), or since they had waited too long (`insert_wait`). */
  readonly onBound: (bound: 'insert_queue' | 'insert_wait') => void;
}

interface Waiting {
  readonly task: NewTask;
  readonly bytes: number;
  readonly sinceMs: number;
  readonly resolve: (inserted: InsertedTask) => void;
  readonly reject: (error: unknown) => void;
}

/** Stores tasks, all or none, and answers in their order. */
export type StoreTasks = (tasks: readonly NewTask[]) => Promise<readonly InsertedTask[]>;

/**
 * Lets tasks that come at the same time share a statement: while one is under way, what arrives waits and goes with the
 * next. An idle scheduler sends a task at once, a busy one sends many together, and neither waits for a timer.
 */
export class InsertBatcher {
  readonly #store: StoreTasks;
  readonly #maxWaiting: number;
  readonly #onBound: InsertBatcherOptions['onBound'];
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #sending: Promise<void> | undefined;

  constructor(store: StoreTasks, { maxWaiting = MAX_WAITING, onBound }: InsertBatcherOptions) {
    this.#store = store;
    this.#maxWaiting = maxWaiting;
    this.#onBound = onBound;
  }

  /** Tasks that wait for a statement. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** Resolves once the task is committed. Rejects with HydraError when it cannot wait; nothing was stored then. */
  submit(task: NewTask): Promise<InsertedTask> {
    const bytes = bytesOf(task);
    if (this.#waiting.length >= this.#maxWaiting || this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#onBound('insert_queue');
      return Promise.reject(new HydraError('unavailable', 'too many tasks wait to be stored; try again'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, bytes, sinceMs: performance.now(), resolve, reject });
      this.#waitingBytes += bytes;
      this.#sending ??= this.#sendAll();
    });
  }

  /** Returns when all that was submitted is answered. */
  async stop(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const looks = setInterval(() => this.#refuseLate(), LOOK_MS);
    while (this.#waiting.length > 0) await this.#send(this.#take());
    clearInterval(looks);
    // In the same turn as the look at the queue, so that no task arrives between the two.
    this.#sending = undefined;
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (count === MAX_BATCH || (count > 0 && bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    return this.#shift(count);
  }

  /** They come in order, so those that have waited longest are first. */
  #refuseLate(): void {
    const before = performance.now() - MAX_WAIT_MS;
    const inTime = this.#waiting.findIndex(({ sinceMs }) => sinceMs >= before);
    const late = this.#shift(inTime < 0 ? this.#waiting.length : inTime);
    if (late.length === 0) return;
    this.#onBound('insert_wait');
    for (const { reject } of late) {
      reject(new HydraError('unavailable', 'PostgreSQL does not keep up; nothing was stored; try again'));
    }
  }

  #shift(count: number): Waiting[] {
    const first = this.#waiting.splice(0, count);
    this.#waitingBytes -= first.reduce((sum, { bytes }) => sum + bytes, 0);
    return first;
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const inserted = await this.#store(batch.map((waiting) => waiting.task));
      batch.forEach((waiting, i) => {
        const own = inserted[i];
        if (own === undefined) waiting.reject(new Error('inserting answered for fewer tasks than it was given'));
        else waiting.resolve(own);
      });
    } catch (error) {
      if (batch.length > 1 && isRefused(error)) {
        // The neighbours of the row at fault are not to fail with it.
        for (const waiting of batch) await this.#send([waiting]);
      } else {
        for (const waiting of batch) waiting.reject(error);
      }
    }
  }
}

/** About what a task takes on its way: the parts of it that can be long. */
function bytesOf({ argv, command, options, secretEnv, stdin }: NewTask): number {
  const texts = [
    command ?? '',
    ...(argv ?? []),
    ...Object.values(options.env ?? {}),
    ...Object.values(secretEnv ?? {}),
  ];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), stdin?.length ?? 0);
}
