import type { FastifyBaseLogger } from 'fastify';
import type { AttemptKey } from '../../db/attempt-key.ts';
import type { Queryable } from '../../db/pool.ts';
import { readOutputPieces } from '../../db/read-output-pieces.ts';
import { isUnavailable } from '../../db/unavailable.ts';
import { watchOutputs, type OutputProgress, type OutputTopic } from '../../db/watch-outputs.ts';
import type { OutputPiece } from '../../domain/output.ts';

/** How often PostgreSQL is asked. */
const POLL_MS = 200;

/** Somebody follows a topic until they leave. */
export interface Subscription {
  /** The newest there is; `undefined`: not known yet, `null`: there is no such task. */
  readonly progress: OutputProgress | null | undefined;
  /** Resolves when `progress` is another one than at `seen`, after `ms`, or when the signal or the watch says stop. */
  changed(seen: OutputProgress | null | undefined, ms: number, signal: AbortSignal): Promise<void>;
  leave(): void;
}

class Topic {
  progress: OutputProgress | null | undefined;
  followers = 0;
  readonly waiting = new Set<() => void>();

  constructor(readonly of: OutputTopic) {}
}

/**
 * Looks for everybody who follows the output of a task: one statement at a time for all of them, however many there are.
 * Those who wait at the same place also share the reading of what comes next.
 */
export class OutputWatch {
  readonly #topics = new Map<string, Topic>();
  readonly #readings = new Map<string, Promise<OutputPiece[]>>();
  #loop: Promise<void> | null = null;
  /** Somebody new wants to know. */
  #hurried = false;
  #wake: () => void = () => undefined;
  #stopping = false;

  constructor(
    private readonly db: Queryable,
    private readonly logger: Pick<FastifyBaseLogger, 'warn' | 'error'>,
  ) {}

  /** Everybody has to leave. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  follow(of: OutputTopic): Subscription {
    const key = keyOf(of);
    const topic = this.#topics.get(key) ?? new Topic(of);
    this.#topics.set(key, topic);
    topic.followers += 1;
    if (topic.progress === undefined) this.#hurry();
    this.#loop ??= this.#poll();
    return {
      get progress() {
        return topic.progress;
      },
      changed: (seen, ms, signal) => this.#changed(topic, seen, ms, signal),
      leave: () => {
        topic.followers -= 1;
        if (topic.followers === 0 && this.#topics.get(key) === topic) this.#topics.delete(key);
      },
    };
  }

  /** The next pieces from a position on; see readOutputPieces. */
  read(key: AttemptKey, from: number): Promise<OutputPiece[]> {
    const name = `${key.taskId} ${key.attempt} ${from}`;
    let reading = this.#readings.get(name);
    if (reading === undefined) {
      reading = readOutputPieces(this.db, key, from).finally(() => this.#readings.delete(name));
      this.#readings.set(name, reading);
    }
    return reading;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#hurry();
    for (const topic of this.#topics.values()) wakeAll(topic);
    await this.#loop;
  }

  #hurry(): void {
    this.#hurried = true;
    this.#wake();
  }

  /** For as long as anybody follows anything. */
  async #poll(): Promise<void> {
    while (this.#topics.size > 0 && !this.#stopping) {
      this.#hurried = false;
      try {
        await this.#look();
      } catch (error) {
        if (isUnavailable(error)) this.logger.warn({ err: error }, 'cannot look for new output; trying again');
        else this.logger.error({ err: error }, 'looking for new output fails');
      }
      await this.#pause();
    }
    this.#loop = null;
  }

  async #pause(): Promise<void> {
    if (this.#hurried) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, POLL_MS);
    });
    clearTimeout(timer);
  }

  async #look(): Promise<void> {
    const topics = [...this.#topics.values()];
    const found = new Map<string, OutputProgress>();
    for (const progress of await watchOutputs(
      this.db,
      topics.map((topic) => topic.of),
    )) {
      found.set(keyOf(progress), progress);
    }
    for (const topic of topics) {
      const progress = found.get(keyOf(topic.of)) ?? null;
      if (topic.progress !== undefined && isSame(topic.progress, progress)) continue;
      topic.progress = progress;
      wakeAll(topic);
    }
  }

  async #changed(
    topic: Topic,
    seen: OutputProgress | null | undefined,
    ms: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (topic.progress !== seen || this.#stopping || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        topic.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake);
      topic.waiting.add(wake);
    });
  }
}

const keyOf = ({ attempt, taskId }: OutputTopic) => `${taskId} ${attempt ?? ''}`;

function wakeAll(topic: Topic): void {
  for (const wake of [...topic.waiting]) wake();
}

function isSame(a: OutputProgress | null, b: OutputProgress | null): boolean {
  if (a === null || b === null) return a === b;
  return a.state === b.state && a.newestAttempt === b.newestAttempt && a.outputEnd === b.outputEnd;
}
