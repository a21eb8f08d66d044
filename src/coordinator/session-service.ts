import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type pg from 'pg';
import { drainWorker } from '../db/drain-worker.ts';
import { giveUpClaims } from '../db/give-up-claims.ts';
import { registerWorker, type WorkerRegistered } from '../db/register-worker.ts';
import { isTransient } from '../db/unavailable.ts';
import { unregisterWorker } from '../db/unregister-worker.ts';
import { invalidArgument } from '../domain/errors.ts';
import { decodeFromWorker } from '../rpc/codec.ts';
import type { WorkerMessage__Output } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import {
  refKey,
  type AttemptRef,
  type FinishedReport,
  type FromWorker,
  type OutputChunk,
  type Registration,
} from '../rpc/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import type { EventHub } from './event-hub.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Limbo } from './limbo.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import { OUTPUT_WINDOW_BYTES, type OutputBuffer } from './output-buffer.ts';
import type { Reaper } from './reaper.ts';
import type { ReportBuffer } from './report-buffer.ts';
import { isValidChunk } from './validate-output.ts';
import { cleanFinish, isValidStart, registrationFaults } from './validate-session.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import { WorkerSession, type SessionStream } from './worker-session.ts';

/** A stream that does not register within this time is ended. */
const REGISTER_WITHIN_MS = 10_000;

export interface SessionServiceDeps {
  readonly pool: pg.Pool;
  readonly coordinatorId: string;
  readonly leaseMs: number;
  readonly registry: WorkerRegistry;
  readonly leases: LeaseKeeper;
  readonly reports: ReportBuffer;
  readonly output: OutputBuffer;
  readonly limbo: Limbo;
  readonly reaper: Reaper;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  /** There may be room that was not there before. */
  readonly onRoom: () => void;
  /** A worker has come, with all that it runs. */
  readonly onOpen: () => void;
}

/** A registration that PostgreSQL took. */
type Registered = Extract<WorkerRegistered, { outcome: 'registered' }> & { readonly session: WorkerSession };

/** Where a stream stands. */
type Phase =
  | { readonly kind: 'opening'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'registering' }
  | { readonly kind: 'open'; readonly session: WorkerSession }
  | { readonly kind: 'closed' };

/** Serves `hydra.v1.Coordinator/Session`: one stream, one worker, from Register to Goodbye. */
export class SessionService {
  readonly #streams = new Set<SessionStream>();
  #stopping = false;

  constructor(private readonly deps: SessionServiceDeps) {}

  /** The handler for grpc-js. */
  handle(stream: SessionStream): void {
    const endWith = (code: status, details: string) => {
      // How grpc-js is told to end a stream with a status.
      stream.emit('error', Object.assign(new Error(details), { code, details }));
    };
    if (this.#stopping) return endWith(status.UNAVAILABLE, 'this coordinator is stopping; try another');
    this.#streams.add(stream);

    const timer = setTimeout(() => {
      phase = { kind: 'closed' };
      endWith(status.FAILED_PRECONDITION, 'no Register came; it must be the first message of a session');
    }, REGISTER_WITHIN_MS);
    let phase = { kind: 'opening', timer } as Phase;

    const close = () => {
      this.#streams.delete(stream);
      if (phase.kind === 'opening') clearTimeout(phase.timer);
      if (phase.kind === 'open') this.#closed(phase.session);
      phase = { kind: 'closed' };
    };
    stream.on('cancelled', close);
    stream.on('close', close);
    stream.on('error', close);
    stream.on('end', () => {
      close();
      stream.end();
    });
    stream.on('data', (wire: WorkerMessage__Output) => {
      const message = decodeFromWorker(wire);
      switch (phase.kind) {
        case 'opening': {
          clearTimeout(phase.timer);
          if (message.kind !== 'register') {
            phase = { kind: 'closed' };
            endWith(status.FAILED_PRECONDITION, 'the first message must be Register');
            return;
          }
          phase = { kind: 'registering' };
          stream.pause();
          void this.#register(stream, message.registration).then((registered) => {
            if ('session' in registered) {
              // The worker has given up waiting, and registers again, here or elsewhere.
              if (phase.kind === 'closed') return;
              phase = { kind: 'open', session: registered.session };
              this.#open(registered);
              stream.resume();
            } else if (phase.kind !== 'closed') {
              phase = { kind: 'closed' };
              endWith(registered.code, registered.details);
            }
          });
          return;
        }
        case 'open':
          return this.#receive(phase.session, message);
        case 'registering':
        case 'closed':
          return;
      }
    });
  }

  /** Refuses new streams from now on and ends those there are, so that their workers go elsewhere. */
  stop(): void {
    this.#stopping = true;
    for (const session of this.deps.registry.all()) {
      session.abort(status.UNAVAILABLE, 'this coordinator is stopping; try another');
    }
    for (const stream of this.#streams) stream.end();
  }

  async #register(
    stream: SessionStream,
    registration: Registration,
  ): Promise<Registered | { readonly code: status; readonly details: string }> {
    const { coordinatorId, leaseMs, logger, pool } = this.deps;
    const faults = registrationFaults(registration);
    if (faults.length > 0) return { code: status.INVALID_ARGUMENT, details: invalidArgument(faults).message };
    const { workerId } = registration;
    const sessionId = randomUUID();
    try {
      const inHand = registration.inHand.map(({ ref, startedAgeUs }) => ({ ...ref, startedAgeUs }));
      const result = await registerWorker(pool, { ...registration, sessionId, coordinatorId, inHand }, leaseMs);
      if (result.outcome === 'id_in_use') {
        const details = `worker_id ${workerId} is in use by process ${result.pid} on ${result.hostname}; give each worker an id of its own`;
        logger.warn({ workerId, hostname: registration.hostname }, details);
        return { code: status.ALREADY_EXISTS, details };
      }
      if (result.outcome === 'overtaken') {
        return { code: status.ABORTED, details: 'a newer session of this worker exists' };
      }
      const session = new WorkerSession(sessionId, registration, stream, this.deps.onRoom);
      for (const ref of result.owned) session.adopt(ref);
      return { session, ...result };
    } catch (error) {
      logger.warn({ err: error, workerId }, 'could not register a worker');
      return isTransient(error)
        ? { code: status.UNAVAILABLE, details: 'PostgreSQL is unavailable; try again or elsewhere' }
        : { code: status.INTERNAL, details: 'the registration failed; see the log of the coordinator' };
    }
  }

  /** The registration is committed and the worker is still there. */
  #open({ draining, drainTimeoutMs, lost, owned, session }: Registered): void {
    const { coordinatorId, hub, leases, leaseMs, logger, registry } = this.deps;
    const { worker, workerId } = session;
    const ownedKeys = new Set(owned.map(refKey));
    const superseded = worker.inHand.map(({ ref }) => ref).filter((ref) => !ownedKeys.has(refKey(ref)));
    leases.watch(session);
    // Before it joins: whatever is sent to it earlier it ignores.
    session.send({
      kind: 'registered',
      sessionId: session.id,
      coordinatorId,
      leaseMs,
      heartbeatIntervalMs: leases.intervalMs,
      superseded,
      outputWindowBytes: OUTPUT_WINDOW_BYTES,
    });
    registry.add(session)?.abort(status.ABORTED, 'a newer session of this worker took over');
    const { hostname, labels, queues, slots } = worker;
    logger.info(
      {
        workerId,
        sessionId: session.id,
        hostname,
        slots,
        queues,
        labels,
        inHand: owned.length,
        superseded: superseded.length,
      },
      'a worker has registered',
    );
    hub.publish({ kind: 'WORKER_CONNECTED', workerId });
    for (const { taskId, attempt, state } of lost) {
      logger.warn({ workerId, taskId, attempt, state }, 'an attempt was lost: its worker does not know of it');
      this.deps.metrics.lost.inc();
      hub.publish({ kind: 'TASK_LOST', taskId, attempt, workerId, state });
    }
    if (draining) this.drain(session, drainTimeoutMs);
    this.deps.reaper.wake();
    this.deps.onOpen();
  }

  #receive(session: WorkerSession, message: FromWorker): void {
    switch (message.kind) {
      case 'heartbeat':
        return this.deps.leases.beat(session, message.sequence);
      case 'report':
        return this.#report(session, message);
      case 'output':
        return this.#output(session, message.chunks);
      case 'draining':
        return this.#draining(session);
      case 'goodbye':
        return void this.#goodbye(session);
      case 'register':
        return session.abort(status.FAILED_PRECONDITION, 'this session is registered already');
      case 'unknown':
        // A newer worker says something this version does not know.
        return;
    }
  }

  #report(session: WorkerSession, message: Extract<FromWorker, { kind: 'report' }>): void {
    const started = message.started.filter(isValidStart);
    const finished = message.finished.map(cleanFinish).filter((report) => report !== null);
    const { workerId } = session;
    const ignored = message.started.length - started.length + (message.finished.length - finished.length);
    if (ignored > 0) this.deps.logger.error({ workerId, ignored }, 'ignored reports without a valid ref');
    const withOutput = (reports: readonly FinishedReport[]) => reports.filter(({ output }) => output.length > 0).length;
    const dropped = withOutput(message.finished) - withOutput(finished);
    if (dropped > 0) this.deps.logger.error({ workerId, dropped }, 'dropped output that contradicts itself');
    for (const { ref } of started) session.started(ref);
    let freed = false;
    for (const { ref } of finished) freed = session.free(ref) || freed;
    this.deps.reports.add(session, started, finished);
    if (freed) this.deps.onRoom();
  }

  #output(session: WorkerSession, chunks: readonly OutputChunk[]): void {
    const valid = chunks.filter(isValidChunk);
    if (valid.length < chunks.length) {
      const refused = chunks.filter((chunk) => !isValidChunk(chunk)).map(({ ref }) => ref);
      this.deps.logger.error({ workerId: session.workerId, refs: refused }, 'refused output that contradicts itself');
      // Nothing more of these is wanted: a worker that waits for an acknowledgement would wait for ever.
      session.send({ kind: 'output_ack', stored: [], superseded: refused });
    }
    if (valid.length > 0) this.deps.output.add(session, valid);
  }

  /** Tells the worker to kill what is not its own any more. */
  stopAttempts(session: WorkerSession, refs: readonly AttemptRef[]): void {
    for (const ref of refs) session.free(ref);
    session.send({ kind: 'stop', refs });
    this.deps.onRoom();
  }

  /** Asks the worker to drain, and to hand back what still runs after so long; `null`: as it is configured. */
  drain(session: WorkerSession, timeoutMs: number | null): void {
    const { workerId } = session;
    if (!session.drain(timeoutMs)) return;
    this.deps.hub.publish({ kind: 'WORKER_DRAINING', workerId });
    this.deps.logger.info({ workerId, timeoutMs }, 'asked a worker to drain');
  }

  #draining(session: WorkerSession): void {
    if (session.draining) return;
    session.drains();
    this.deps.hub.publish({ kind: 'WORKER_DRAINING', workerId: session.workerId });
    this.deps.logger.info({ workerId: session.workerId }, 'a worker drains');
    // So that everybody knows, not only this coordinator. Should it fail, the worker says so again when it reconnects.
    void drainWorker(this.deps.pool, session.workerId, null).catch((error: unknown) => {
      this.deps.logger.warn({ err: error, workerId: session.workerId }, 'could not record that a worker drains');
    });
  }

  async #goodbye(session: WorkerSession): Promise<void> {
    const { coordinatorId, hub, leases, logger, pool, registry } = this.deps;
    const { workerId } = session;
    registry.remove(session);
    leases.forget(session);
    // It ignores what it gets after its Goodbye, so what it has not reported never started. Off the session at once,
    // so that the end of the stream does not settle it a second time; should this fail, the claim loop finds it.
    const crossed = session.unheard().map((entry) => entry.ref);
    for (const ref of crossed) session.free(ref);
    try {
      if (crossed.length > 0) await giveUpClaims(pool, coordinatorId, crossed);
      await unregisterWorker(pool, workerId, session.id);
    } catch (error) {
      logger.warn({ err: error, workerId }, 'could not unregister a worker; its lease will end');
    }
    session.end();
    logger.info({ workerId, sessionId: session.id }, 'a worker has left');
    hub.publish({ kind: 'WORKER_LEFT', workerId });
  }

  /** The stream is gone, well or not. */
  #closed(session: WorkerSession): void {
    const { hub, leases, limbo, logger, reaper, registry } = this.deps;
    session.markClosed();
    leases.forget(session);
    const current = registry.remove(session);
    // Whether it was replaced or just broke, what it was sent and did not report has to be accounted for.
    limbo.take(session);
    if (current && !this.#stopping) {
      logger.warn({ workerId: session.workerId, sessionId: session.id }, 'lost the connection to a worker');
      hub.publish({ kind: 'WORKER_DISCONNECTED', workerId: session.workerId });
    }
    reaper.wake();
  }
}
