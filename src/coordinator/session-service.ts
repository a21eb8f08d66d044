import { status } from '@grpc/grpc-js';
import { drainWorker } from '../db/drain-worker.ts';
import { giveUpClaims } from '../db/give-up-claims.ts';
import { unregisterWorker } from '../db/unregister-worker.ts';
import { decodeFromWorker } from '../rpc/codec.ts';
import type { WorkerMessage__Output } from '../rpc/generated/hydra/v1/WorkerMessage.ts';
import { refKey, type AttemptRef, type FinishedReport, type FromWorker, type OutputChunk } from '../rpc/messages.ts';
import type { Balancer } from './balancer.ts';
import type { Limbo } from './limbo.ts';
import { OUTPUT_WINDOW_BYTES, type OutputBuffer } from './output-buffer.ts';
import type { Reaper } from './reaper.ts';
import { Registrar, type Registered, type RegistrarDeps } from './registrar.ts';
import { sendElsewhere, STOPPING, type Refusal } from './refusal.ts';
import type { ReportBuffer } from './report-buffer.ts';
import { resultWindow } from './result-window.ts';
import { isValidChunk } from './validate-output.ts';
import { cleanFinish, isValidStart } from './validate-session.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { SessionStream, WorkerSession } from './worker-session.ts';

/** A stream that does not register within this time is ended. */
const REGISTER_WITHIN_MS = 10_000;

export interface SessionServiceDeps extends RegistrarDeps {
  readonly registry: WorkerRegistry;
  readonly balancer: Balancer;
  readonly reports: ReportBuffer;
  readonly output: OutputBuffer;
  readonly limbo: Limbo;
  readonly reaper: Reaper;
  /** A worker has come, with all that it runs. */
  readonly onOpen: () => void;
}

/** Where a stream stands. */
type Phase =
  | { readonly kind: 'opening'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'registering' }
  | { readonly kind: 'open'; readonly session: WorkerSession }
  | { readonly kind: 'closed' };

/** Serves `hydra.v1.Coordinator/Session`: one stream, one worker, from Register to Goodbye. */
export class SessionService {
  readonly #streams = new Set<SessionStream>();

  readonly #registrar: Registrar;

  constructor(private readonly deps: SessionServiceDeps) {
    this.#registrar = new Registrar(deps);
  }

  /** The handler for grpc-js. */
  handle(stream: SessionStream): void {
    const endWith = (refusal: Refusal) => endStream(stream, refusal);
    if (this.deps.leases.retired) return endWith(this.#elsewhere(STOPPING));
    this.#streams.add(stream);

    const timer = setTimeout(() => {
      phase = { kind: 'closed' };
      const details = 'no Register came; it must be the first message of a session';
      endWith({ code: status.FAILED_PRECONDITION, details });
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
            endWith({ code: status.FAILED_PRECONDITION, details: 'the first message must be Register' });
            return;
          }
          phase = { kind: 'registering' };
          stream.pause();
          void this.#registrar.register(stream, message.registration).then((registered) => {
            // The worker has given up waiting, and registers again, here or elsewhere.
            if (phase.kind === 'closed') return;
            if ('session' in registered) {
              phase = { kind: 'open', session: registered.session };
              this.#open(registered);
              stream.resume();
            } else {
              phase = { kind: 'closed' };
              endWith(registered);
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

  /** Ends the streams there are, so that their workers go elsewhere. New ones are refused once leases are retired. */
  stop(): void {
    for (const session of this.deps.registry.all()) {
      const { code, details, metadata } = this.#elsewhere(STOPPING);
      session.abort(code, details, metadata);
    }
    // Those that have not registered.
    for (const stream of this.#streams) endStream(stream, this.#elsewhere(STOPPING));
  }

  #elsewhere(details: string): Refusal {
    return sendElsewhere(details, this.deps.leases.holdOff());
  }

  /** The registration is committed and the worker is still there. */
  #open({ draining, drainTimeoutMs, owned, session }: Registered): void {
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
      resultWindow: resultWindow(registry.size + 1),
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
      const dropped = chunks.filter((chunk) => !isValidChunk(chunk)).map(({ ref, start }) => ({ ref, start }));
      this.deps.logger.error({ workerId: session.workerId, dropped }, 'dropped output that contradicts itself');
      // As if it were stored, since the worker would wait for that for ever: the command is not to suffer for it.
      session.send({ kind: 'output_ack', stored: dropped, superseded: [] });
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
    const { balancer, hub, leases, limbo, logger, reaper, registry } = this.deps;
    session.markClosed();
    leases.forget(session);
    const current = registry.remove(session);
    // Whether it was replaced or just broke, what it was sent and did not report has to be accounted for.
    limbo.take(session);
    if (current && !leases.retired) {
      const about = { workerId: session.workerId, sessionId: session.id };
      if (balancer.ended(session)) logger.info(about, 'a worker has moved to another coordinator, as it was asked to');
      else logger.warn(about, 'lost the connection to a worker');
      hub.publish({ kind: 'WORKER_DISCONNECTED', workerId: session.workerId });
    }
    reaper.wake();
  }
}

/** How grpc-js is told to end a stream with a status. */
function endStream(stream: SessionStream, refusal: Refusal): void {
  stream.emit('error', Object.assign(new Error(refusal.details), refusal));
}
