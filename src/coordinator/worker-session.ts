import type { ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import type { SessionKey } from '../db/find-worker-standings.ts';
import { canRun, type Abilities, type Lane } from '../domain/lane.ts';
import { encodeFromCoordinator } from '../rpc/codec.ts';
import type { CoordinatorMessage } from '../rpc/generated/hydra/v1/CoordinatorMessage.ts';
import type { WorkerMessage__Output } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import { refKey, type AttemptRef, type FromCoordinator, type Registration } from '../rpc/messages.ts';

export type SessionStream = ServerDuplexStream<WorkerMessage__Output, CoordinatorMessage>;

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

/** One registered worker's open stream: what it can run, what it has in hand, and how to talk to it. */
export class WorkerSession {
  readonly #inHand = new Map<string, InHand>();
  /** The worker takes nothing new. */
  draining = false;
  /** What it was last told about when to hand back what runs; `undefined`: nothing. */
  #drainTimeoutMs: number | null | undefined;
  /** The other end does not keep up with reading; nothing more is sent to it until it does. */
  #congested = false;
  #closed = false;

  constructor(
    readonly id: string,
    readonly worker: Registration,
    private readonly stream: SessionStream,
    private readonly onRoom: () => void,
  ) {
    if (worker.draining) this.drains();
    stream.on('drain', () => {
      this.#congested = false;
      this.onRoom();
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
    if (this.#closed || this.draining || this.#congested) return 0;
    return Math.max(0, this.worker.slots - this.#inHand.size);
  }

  /** Slots that tasks claimed ahead of time can count on. */
  get usableSlots(): number {
    return this.#closed || this.draining ? 0 : this.worker.slots;
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
  occupy({ attempt, dueAtMs, queue, taskId }: ClaimedTask): void {
    const ref: AttemptRef = { taskId, attempt };
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

  send(message: FromCoordinator): void {
    if (this.#closed) return;
    if (!this.stream.write(encodeFromCoordinator(message))) this.#congested = true;
  }

  /** Stops reading until {@link resume}; gRPC's flow control then slows the worker down. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    if (!this.#closed) this.stream.resume();
  }

  /** Ends the stream well. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.stream.end();
  }

  /** Ends the stream with a status that tells the worker why. */
  abort(code: status, details: string): void {
    if (this.#closed) return;
    this.#closed = true;
    // How grpc-js is told to end a stream with a status; destroy() would send none.
    this.stream.emit('error', Object.assign(new Error(details), { code, details }));
  }

  /** The stream is gone. */
  markClosed(): void {
    this.#closed = true;
  }
}
