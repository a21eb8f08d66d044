import type { Queryable } from '../db/pool.ts';
import { storeOutput } from '../db/store-output.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { refKey, type AttemptRef, type ChunkRef, type OutputChunk } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Service } from '../runtime/service.ts';
import { Loop } from './loop.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { Tally } from './tally.ts';
import type { WorkerSession } from './worker-session.ts';

/** Most output that a worker may have sent and that is not committed; it is told so when it registers. */
export const OUTPUT_WINDOW_BYTES = 256 * 1024;
/** What is sent beyond the window is a defect of the worker, and this much of it is not taken. */
const INTOLERABLE_BYTES = 2 * OUTPUT_WINDOW_BYTES;
/** Each piece has a byte at least, but for one or two of an attempt. */
const INTOLERABLE_PIECES = OUTPUT_WINDOW_BYTES + 20_000;

/** One statement carries at most this much. */
const BATCH_CHUNKS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Nothing waits: until something is added. */
const IDLE_MS = 60_000;

interface Pending {
  readonly session: WorkerSession;
  readonly chunk: OutputChunk;
}

export interface OutputBufferDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** The worker runs something that is not its own; it has to stop it, and reports nothing of it. */
  readonly onSuperseded: (session: WorkerSession, refs: readonly AttemptRef[]) => void;
}

/**
 * Commits what commands write while they run, that of all sessions together, and acknowledges it after the commit. While
 * one batch is being committed the next one gathers. It is bounded by what each session may send ahead; nothing is lost
 * with it, since workers keep what is not acknowledged.
 */
export class OutputBuffer implements Service {
  /** In the order in which it came. */
  #pending: Pending[] = [];
  /** Not committed, by session. */
  readonly #bytes = new Tally<WorkerSession>();
  readonly #pieces = new Tally<WorkerSession>();
  /** What came with these is not wanted from them any more. */
  readonly #forgotten = new WeakSet<WorkerSession>();
  readonly #loop: Loop;

  constructor(private readonly deps: OutputBufferDeps) {
    this.#loop = new Loop({
      pass: () => this.#flushOnce(),
      onError: (error) => deps.logger.warn({ err: error }, 'could not store output; keeping it'),
    });
  }

  /** Output that is not committed. */
  get bytes(): number {
    return this.#bytes.total;
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Commits what it can at once, then stops. What PostgreSQL does not take now, workers send again elsewhere. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    try {
      while (this.#pending.length > 0) await this.#flushOnce();
    } catch (error) {
      this.deps.logger.warn({ err: error, bytes: this.bytes }, 'could not store the last of the output');
    }
  }

  /** Pieces of an attempt come in the order in which it wrote them. */
  add(session: WorkerSession, chunks: readonly OutputChunk[]): void {
    if (this.#pieces.of(session) === 0) this.#forgetSessionsBefore(session);
    for (const chunk of chunks) {
      const pending = { session, chunk };
      this.#pending.push(pending);
      this.#count(pending, 1);
    }
    if (this.#bytes.of(session) > INTOLERABLE_BYTES || this.#pieces.of(session) > INTOLERABLE_PIECES) {
      const details = `the worker sends more than the ${OUTPUT_WINDOW_BYTES} bytes of output that may be unacknowledged`;
      session.exhaust('session_output', details);
      this.#forget(session);
    }
    this.#loop.wake();
  }

  /** The worker sends what came with its session before again, in this one. */
  #forgetSessionsBefore(session: WorkerSession): void {
    for (const other of this.#pieces.keys()) if (other.workerId === session.workerId) this.#forget(other);
  }

  #forget(session: WorkerSession): void {
    this.#forgotten.add(session);
    this.#pending = this.#withoutForgotten(this.#pending);
  }

  #withoutForgotten(batch: readonly Pending[]): Pending[] {
    return batch.filter((pending) => {
      const forgotten = this.#forgotten.has(pending.session);
      if (forgotten) this.#count(pending, -1);
      return !forgotten;
    });
  }

  /** Before everything that came since. */
  #putBack(batch: readonly Pending[]): void {
    this.#pending.unshift(...this.#withoutForgotten(batch));
  }

  #count({ chunk, session }: Pending, times: 1 | -1): void {
    this.#bytes.add(session, times * chunk.data.length);
    this.#pieces.add(session, times);
  }

  /** Commits one batch. Throws when PostgreSQL cannot take it now; it is kept then. */
  async #flushOnce(): Promise<number> {
    if (this.#pending.length === 0) return IDLE_MS;
    const batch = this.#take();
    try {
      await this.#commit(batch);
    } catch (error) {
      this.deps.metrics.databaseErrors.inc({ operation: 'store_output' });
      if (isUnavailable(error)) {
        this.#putBack(batch);
        throw error;
      }
      this.deps.logger.error({ err: error, pieces: batch.length }, 'PostgreSQL refused output; trying it singly');
      await this.#commitSingly(batch);
    }
    return this.#pending.length === 0 ? IDLE_MS : 0;
  }

  #take(): Pending[] {
    let bytes = 0;
    const beyond = this.#pending.findIndex(({ chunk }, index) => {
      bytes += chunk.data.length;
      return index > 0 && (index >= BATCH_CHUNKS || bytes > BATCH_BYTES);
    });
    return this.#pending.splice(0, beyond < 0 ? this.#pending.length : beyond);
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const pieces = batch.map(({ chunk }) => ({ ...chunk, taskId: chunk.ref.taskId, attempt: chunk.ref.attempt }));
    const { superseded } = await storeOutput(this.deps.db, this.deps.coordinatorId, pieces);
    this.#settle(batch, new Set(superseded.map(refKey)));
  }

  #settle(batch: readonly Pending[], superseded: ReadonlySet<string>): void {
    const answers = new Map<WorkerSession, { stored: ChunkRef[]; superseded: Map<string, AttemptRef> }>();
    for (const pending of batch) {
      const { session } = pending;
      const { data, ref, start } = pending.chunk;
      this.#count(pending, -1);
      const answer = answers.get(session) ?? { stored: [], superseded: new Map<string, AttemptRef>() };
      answers.set(session, answer);
      if (superseded.has(refKey(ref))) {
        answer.superseded.set(refKey(ref), ref);
      } else {
        answer.stored.push({ ref, start });
        this.deps.metrics.outputStored.inc(data.length);
      }
    }
    for (const [session, { stored, superseded: refs }] of answers) {
      session.send({ kind: 'output_ack', stored, superseded: [...refs.values()] });
      if (refs.size > 0) this.deps.onSuperseded(session, [...refs.values()]);
    }
  }

  /**
   * So that one piece that PostgreSQL refuses does not hold up the others. It is left out and acknowledged all the same:
   * what it is a piece of says by its positions that something is missing, and the task goes on.
   */
  async #commitSingly(batch: readonly Pending[]): Promise<void> {
    for (const [index, pending] of batch.entries()) {
      try {
        await this.#commit([pending]);
      } catch (error) {
        if (isUnavailable(error)) {
          this.#putBack(batch.slice(index));
          throw error;
        }
        const { session, chunk } = pending;
        const { ref, start } = chunk;
        this.deps.logger.error({ err: error, ref, start }, 'PostgreSQL refused a piece of output; it is left out');
        this.#count(pending, -1);
        session.send({ kind: 'output_ack', stored: [{ ref, start }], superseded: [] });
      }
    }
  }
}
