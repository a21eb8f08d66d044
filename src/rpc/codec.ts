import type { OutputPiece } from '../domain/output.ts';
import { REASONS, type Reason } from '../domain/task-state.ts';
import type { CoordinatorMessage, CoordinatorMessage__Output } from './generated/hydra/v1/CoordinatorMessage.ts';
import type { Finished, Finished__Output } from './generated/hydra/v1/Finished.ts';
import type { OutputChunk as WireChunk, OutputChunk__Output } from './generated/hydra/v1/OutputChunk.ts';
import type { Reason__Output } from './generated/hydra/v1/Reason.ts';
import type { Register, Register__Output } from './generated/hydra/v1/Register.ts';
import type { StandingReply, StandingReply__Output } from './generated/hydra/v1/StandingReply.ts';
import type { WorkerMessage, WorkerMessage__Output } from './generated/hydra/v1/WorkerMessage.ts';
import { decodeAttempt, encodeAttempt } from './attempt-codec.ts';
import type {
  AttemptRef,
  FinishedReport,
  FromCoordinator,
  FromWorker,
  OutputChunk,
  Registration,
  Standing,
} from './messages.ts';
import { decodeRef, encodeRef } from './ref-codec.ts';

/** Between the wire's oneofs and the unions of messages.ts. Decoders never throw: the wire's types are already checked. */

export function encodeFromWorker(message: FromWorker): WorkerMessage {
  switch (message.kind) {
    case 'register':
      return { register: encodeRegistration(message.registration) };
    case 'heartbeat':
      return { heartbeat: { sequence: message.sequence } };
    case 'report':
      return {
        report: {
          started: message.started.map((s) => ({ ref: encodeRef(s.ref), started_age_us: s.startedAgeUs })),
          finished: message.finished.map(encodeFinished),
        },
      };
    case 'output':
      return { output: { chunks: message.chunks.map((chunk) => encodePiece(chunk.ref, chunk)) } };
    case 'draining':
      return { draining: {} };
    case 'goodbye':
      return { goodbye: {} };
    case 'unknown':
      return {};
  }
}

export function decodeFromWorker(wire: WorkerMessage__Output): FromWorker {
  if (wire.register) return { kind: 'register', registration: decodeRegistration(wire.register) };
  if (wire.heartbeat) return { kind: 'heartbeat', sequence: wire.heartbeat.sequence };
  if (wire.report) {
    return {
      kind: 'report',
      started: wire.report.started.map((s) => ({ ref: decodeRef(s.ref), startedAgeUs: s.started_age_us })),
      finished: wire.report.finished.map(decodeFinished),
    };
  }
  if (wire.output) return { kind: 'output', chunks: wire.output.chunks.map(decodeChunk) };
  if (wire.draining) return { kind: 'draining' };
  if (wire.goodbye) return { kind: 'goodbye' };
  return { kind: 'unknown' };
}

export function encodeFromCoordinator(message: FromCoordinator): CoordinatorMessage {
  switch (message.kind) {
    case 'registered':
      return {
        registered: {
          session_id: message.sessionId,
          coordinator_id: message.coordinatorId,
          lease_ms: message.leaseMs,
          heartbeat_interval_ms: message.heartbeatIntervalMs,
          superseded: message.superseded.map(encodeRef),
          output_window_bytes: message.outputWindowBytes,
          result_window: message.resultWindow,
        },
      };
    case 'heartbeat_ack':
      return {
        heartbeat_ack: {
          sequence: message.sequence,
          renewed: message.renewed,
          holds_off_ms: message.holdsOffMs,
          result_window: message.resultWindow,
        },
      };
    case 'dispatch':
      return { dispatch: { attempts: message.attempts.map(encodeAttempt) } };
    case 'acknowledge':
      return {
        acknowledge: { recorded: message.recorded.map(encodeRef), superseded: message.superseded.map(encodeRef) },
      };
    case 'stop':
      return { stop: { refs: message.refs.map(encodeRef) } };
    case 'cancel':
      return { cancel: { refs: message.refs.map(encodeRef) } };
    case 'drain':
      return { drain: message.timeoutMs === null ? {} : { timeout_ms: message.timeoutMs } };
    case 'rebalance':
      return { rebalance: {} };
    case 'output_ack':
      return {
        output_ack: {
          stored: message.stored.map(({ ref, start }) => ({ ref: encodeRef(ref), start })),
          superseded: message.superseded.map(encodeRef),
        },
      };
    case 'unknown':
      return {};
  }
}

export function decodeFromCoordinator(wire: CoordinatorMessage__Output): FromCoordinator {
  if (wire.registered) {
    return {
      kind: 'registered',
      sessionId: wire.registered.session_id,
      coordinatorId: wire.registered.coordinator_id,
      leaseMs: wire.registered.lease_ms,
      heartbeatIntervalMs: wire.registered.heartbeat_interval_ms,
      superseded: wire.registered.superseded.map(decodeRef),
      outputWindowBytes: wire.registered.output_window_bytes,
      resultWindow: wire.registered.result_window,
    };
  }
  if (wire.heartbeat_ack) {
    const { holds_off_ms: holdsOffMs, renewed, result_window: resultWindow, sequence } = wire.heartbeat_ack;
    return { kind: 'heartbeat_ack', sequence, renewed, holdsOffMs, resultWindow };
  }
  if (wire.dispatch) return { kind: 'dispatch', attempts: wire.dispatch.attempts.map(decodeAttempt) };
  if (wire.acknowledge) {
    return {
      kind: 'acknowledge',
      recorded: wire.acknowledge.recorded.map(decodeRef),
      superseded: wire.acknowledge.superseded.map(decodeRef),
    };
  }
  if (wire.stop) return { kind: 'stop', refs: wire.stop.refs.map(decodeRef) };
  if (wire.cancel) return { kind: 'cancel', refs: wire.cancel.refs.map(decodeRef) };
  if (wire.drain) return { kind: 'drain', timeoutMs: wire.drain.timeout_ms ?? null };
  if (wire.rebalance) return { kind: 'rebalance' };
  if (wire.output_ack) {
    return {
      kind: 'output_ack',
      stored: wire.output_ack.stored.map(({ ref, start }) => ({ ref: decodeRef(ref), start })),
      superseded: wire.output_ack.superseded.map(decodeRef),
    };
  }
  return { kind: 'unknown' };
}

export function encodeStanding(standing: Standing): StandingReply {
  return {
    coordinator_id: standing.coordinatorId,
    renewing: standing.renewing,
    holds_off_ms: standing.holdsOffMs,
    sessions: standing.sessions,
  };
}

export function decodeStanding(wire: StandingReply__Output): Standing {
  return {
    coordinatorId: wire.coordinator_id,
    renewing: wire.renewing,
    holdsOffMs: wire.holds_off_ms,
    sessions: wire.sessions,
  };
}

function encodeRegistration(registration: Registration): Register {
  return {
    worker_id: registration.workerId,
    instance_id: registration.instanceId,
    hostname: registration.hostname,
    slots: registration.slots,
    labels: { ...registration.labels },
    queues: [...registration.queues],
    version: registration.version,
    pid: registration.pid,
    in_hand: registration.inHand.map((a) => ({ ref: encodeRef(a.ref), started_age_us: a.startedAgeUs })),
    draining: registration.draining,
    ordinal: registration.ordinal,
  };
}

function decodeRegistration(wire: Register__Output): Registration {
  return {
    workerId: wire.worker_id,
    instanceId: wire.instance_id,
    hostname: wire.hostname,
    slots: wire.slots,
    labels: wire.labels,
    queues: wire.queues,
    version: wire.version,
    pid: wire.pid,
    inHand: wire.in_hand.map((a) => ({ ref: decodeRef(a.ref), startedAgeUs: a.started_age_us })),
    draining: wire.draining,
    ordinal: wire.ordinal,
  };
}

function encodeFinished(report: FinishedReport): Finished {
  const { result } = report;
  return {
    ref: encodeRef(report.ref),
    ...(report.startedAgeUs === null ? {} : { started_age_us: report.startedAgeUs }),
    ended_age_us: report.endedAgeUs,
    reason: encodeReason(result.reason),
    ...(result.exitCode === null ? {} : { exit_code: result.exitCode }),
    ...(result.signal === null ? {} : { signal: result.signal }),
    error: result.error ?? '',
    output: report.output.map((piece) => encodePiece(report.ref, piece)),
    ...(report.usage.cpuMs === null ? {} : { cpu_ms: report.usage.cpuMs }),
    ...(report.usage.peakMemoryBytes === null ? {} : { peak_memory_bytes: report.usage.peakMemoryBytes }),
  };
}

function decodeFinished(wire: Finished__Output): FinishedReport {
  return {
    ref: decodeRef(wire.ref),
    startedAgeUs: wire.started_age_us ?? null,
    endedAgeUs: wire.ended_age_us,
    result: {
      reason: decodeReason(wire.reason),
      exitCode: wire.exit_code ?? null,
      signal: wire.signal ?? null,
      error: wire.error === '' ? null : wire.error,
    },
    output: wire.output.map(decodeChunk),
    usage: { cpuMs: wire.cpu_ms ?? null, peakMemoryBytes: wire.peak_memory_bytes ?? null },
  };
}

function encodePiece(ref: AttemptRef, piece: OutputPiece): WireChunk {
  return {
    ref: encodeRef(ref),
    start: piece.start,
    data: piece.data,
    segments: [...piece.segments],
    stdout_end: piece.stdoutEnd,
    stderr_end: piece.stderrEnd,
    ...(piece.replacesFrom === null ? {} : { replaces_from: piece.replacesFrom }),
  };
}

function decodeChunk(wire: OutputChunk__Output): OutputChunk {
  return {
    ref: decodeRef(wire.ref),
    start: wire.start,
    data: wire.data,
    segments: wire.segments,
    stdoutEnd: wire.stdout_end,
    stderrEnd: wire.stderr_end,
    replacesFrom: wire.replaces_from ?? null,
  };
}

function encodeReason(reason: Reason): Reason__Output {
  return `REASON_${reason.toUpperCase() as Uppercase<Reason>}`;
}

/**
 * A reason this version does not know is told as the nearest one it does: the command did not run as asked. The
 * decoder gives such a one as a number, whatever the generated types say.
 */
function decodeReason(wire: string | number): Reason {
  const name = String(wire).replace('REASON_', '').toLowerCase();
  return REASONS.find((reason) => reason === name) ?? 'spawn_error';
}
