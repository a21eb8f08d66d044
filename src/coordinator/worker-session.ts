import { status, type Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import type { SessionKey } from '../db/find-worker-standings.ts';
import { canRun, type Abilities, type Lane } from '../domain/lane.ts';
import type { CoordinatorMessage } from '../rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { WorkerMessage__Output } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import { refKey, type AttemptRef, type FromCoordinator, type Registration } from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { Outflow } from './outflow.ts';

export type SessionStream = ServerDuplexStream<WorkerMessage__Output, CoordinatorMessage>;

/** Most that may wait for the connection: messages and what they name. A worker that reads never has as much waiting. */
const MAX_ENTRIES = 50_000;

/** An attempt that occupies a slot of the worker. */
export interface InHand {
  readonly ref: AttemptRef;
  /** `dispatched`: sent, and not heard of yet. */
  readonly stage: 'dispatched' | 'started';
  /** Not known for attempts that the worker brought along from another coordinator. */
  readonly task: { readonly queue: string; readonly dueAtMs: number } | null;
  /** This session was told to stop it, and has not reported it yet. */
  readonly cancelling: boolean;
}

export interface WorkerSessionDeps {
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** There may be room that was not there before. */
  readonly onRoom: () => void;
}

/** One registered worker's open stream: what it can run, what it has in hand, and how to talk to it. */
export class WorkerSession {
  readonly #inHand = new Map<string, InHand>();
  /** The worker takes nothing new. */
  draining = false;
  /** What it was last told about when to hand back what runs; `undefined`: nothing. */
  #drainTimeoutMs: number | null | undefined;
  readonly #outflow: Outflow;
  #largestResultWindow = 0;
  #closed = false;

  constructor(
    readonly id: string,
    readonly worker: Registration,
    private readonly stream: SessionStream,
    private readonly deps: WorkerSessionDeps,
  ) {
    if (worker.draining) this.drains();
    this.#outflow = new Outflow(stream, {
      onCongested: () => deps.metrics.boundHits.inc({ bound: 'worker_congested' }),
      onRelief: deps.onRoom,
    });
  }

  get workerId(): string {
    return this.worker.workerId;
  }

  get key(): SessionKey {
    return { workerId: this.workerId, sessionId: this.id, instanceId: this.worker.instanceId };
  }

  /** How many more attempts it may be sent now. */
  get freeSlots(): number {
    if (this.#closed || this.draining || this.#outflow.congested) return 0;
    return Math.max(0, this.worker.slots - this.#inHand.size);
  }

  /** Slots that tasks claimed ahead of time can count on. */
  get usableSlots(): number {
    return this.#closed || this.draining ? 0 : this.worker.slots;
  }

  /**
   * Reports of which the worker may wait for an acknowledgement; more is a defect. Twice what it was ever told, since
   * what it is told crosses what it sends; it can know of a start for each slot, and an older worker bounds itself by
   * 4 × slots + 100.
   */
  get mostReports(): number {
    return 2 * this.#largestResultWindow + 5 * this.worker.slots + 1_100;
  }

  canRun(lane: Lane): boolean {
    return canRun(this.worker satisfies Abilities, lane);
  }

  /** Everything in hand. */
  inHand(): InHand[] {
    return [...this.#inHand.values()];
  }

  /** What was sent and not heard of. */
  unheard(): InHand[] {
    return this.inHand().filter((entry) => entry.stage === 'dispatched');
  }

  /** The worker brought this along. */
  adopt(ref: AttemptRef): void {
    this.#inHand.set(refKey(ref), { ref, stage: 'started', task: null, cancelling: false });
  }

  /** Takes a slot for the task; {@link send} of the dispatch frame follows. */
  occupy({ attempt, bytes, dueAtMs, queue, taskId }: ClaimedTask): void {
    const ref: AttemptRef = { taskId, attempt };
    this.#outflow.announce(bytes);
    // Without what is to be run, which can be long.
    const task = { queue, dueAtMs };
    this.#inHand.set(refKey(ref), { ref, stage: 'dispatched', task, cancelling: false });
  }

  /** It is to be stopped. Returns whether that is news for this session, which then has to be told. */
  cancel(ref: AttemptRef): boolean {
    const entry = this.#inHand.get(refKey(ref));
    if (entry === undefined || entry.cancelling) return false;
    this.#inHand.set(refKey(ref), { ...entry, cancelling: true });
    return true;
  }

  /** The worker says it has started. Returns what is known of the attempt. */
  started(ref: AttemptRef): InHand | undefined {
    const entry = this.#inHand.get(refKey(ref));
    if (entry !== undefined) this.#inHand.set(refKey(ref), { ...entry, stage: 'started' });
    return entry;
  }

  /** The attempt does not occupy a slot any more. Returns whether it did. */
  free(ref: AttemptRef): boolean {
    return this.#inHand.delete(refKey(ref));
  }

  /** The worker takes nothing new, as it says itself. */
  drains(): void {
    this.draining = true;
    this.#drainTimeoutMs ??= null;
  }

  /** Tells the worker to drain, unless it was told just that before. Returns whether it was told now. */
  drain(timeoutMs: number | null): boolean {
    if (this.#drainTimeoutMs === timeoutMs) return false;
    this.draining = true;
    this.#drainTimeoutMs = timeoutMs;
    this.send({ kind: 'drain', timeoutMs });
    return true;
  }

  /** `announced`: the bytes of the tasks in it, as {@link occupy} has counted them. */
  send(message: FromCoordinator, announced = 0): void {
    if (this.#closed) return;
    if (message.kind === 'registered' || message.kind === 'heartbeat_ack') {
      this.#largestResultWindow = Math.max(this.#largestResultWindow, message.resultWindow);
    }
    this.#outflow.write(message, announced);
    if (this.#outflow.entries > MAX_ENTRIES) this.exhaust('worker_backlog', 'the worker does not read what it is sent');
  }

  /** Ends the session of a worker that goes beyond a bound, which only a defect brings about. */
  exhaust(bound: string, details: string): void {
    this.deps.metrics.boundHits.inc({ bound });
    this.deps.logger.error({ workerId: this.workerId, sessionId: this.id, bound }, details);
    this.abort(status.RESOURCE_EXHAUSTED, details);
  }

  /** Ends the stream well. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.stream.end();
  }

  /** Ends the stream with a status that tells the worker why; `metadata` is the trailing one. */
  abort(code: status, details: string, metadata?: Metadata): void {
    if (this.#closed) return;
    this.#closed = true;
    // How grpc-js is told to end a stream with a status; destroy() would send none.
    this.stream.emit('error', Object.assign(new Error(details), { code, details, metadata }));
  }

  /** The stream is gone. */
  markClosed(): void {
    this.#closed = true;
  }
}
