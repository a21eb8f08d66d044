import { Counter, Gauge, Registry } from 'prom-client';
import { REASONS } from '../domain/task-state.ts';
import { countBoundHits } from '../runtime/bound-hits.ts';
import { STOP_CAUSES } from './attempt-result.ts';

/**
 * The bounds of docs/architecture.md that can hold something up or drop something here. `results_window`: a result waits
 * until others are acknowledged; `output_window`: the same for output; `read_pace`: a command waits until what it writes
 * is read; `output_limit`: a command wrote more than is kept.
 */
export const BOUNDS = ['results_window', 'output_window', 'read_pace', 'output_limit'] as const;
export type Bound = (typeof BOUNDS)[number];

/** Read whenever the metrics are. */
export interface WorkerGauges {
  readonly slots: number;
  readonly running: () => number;
  readonly unacknowledged: () => number;
  readonly heldOutputBytes: () => number;
  readonly heartbeatAgeSeconds: () => number;
  readonly guardianRestarts: () => number;
}

export interface WorkerMetrics {
  readonly registry: Registry;
  readonly attempts: Counter<'reason'>;
  readonly reconnects: Counter;
  readonly fences: Counter;
  readonly stops: Counter<'cause'>;
  readonly kills: Counter;
  readonly stdinBytes: Counter;
  readonly rejections: Counter<'rule'>;
  readonly boundHits: Counter<'bound'>;
}

export function createWorkerMetrics(gauges: WorkerGauges): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('hydra_worker_slots', 'Commands the worker runs at once.', () => gauges.slots);
  gauge('hydra_worker_running', 'Commands that run now.', gauges.running);
  gauge(
    'hydra_worker_unacknowledged_results',
    'Results kept because no coordinator has acknowledged them yet.',
    gauges.unacknowledged,
  );
  gauge(
    'hydra_worker_held_output_bytes',
    'Output of commands in memory: to be sent, not acknowledged yet, or the last of what was written.',
    gauges.heldOutputBytes,
  );
  gauge(
    'hydra_worker_heartbeat_age_seconds',
    'Seconds since a coordinator last acknowledged a heartbeat or the registration; since the start if none did.',
    gauges.heartbeatAgeSeconds,
  );
  new Counter({
    name: 'hydra_worker_guardian_restarts_total',
    help: 'Times the companion process that kills what the worker leaves behind had to be started again.',
    registers,
    collect() {
      this.reset();
      this.inc(gauges.guardianRestarts());
    },
  });
  const attempts = new Counter({
    name: 'hydra_worker_attempts_total',
    help: "Attempts that ended, by reason; those that were not the worker's own any more are not counted.",
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of REASONS) attempts.inc({ reason }, 0);
  const reconnects = new Counter({
    name: 'hydra_worker_reconnects_total',
    help: 'Registrations after the first.',
    registers,
  });
  const fences = new Counter({
    name: 'hydra_worker_lease_fences_total',
    help: 'Times the lease ended while commands ran, so that they were killed.',
    registers,
  });
  const stops = new Counter({
    name: 'hydra_worker_stops_total',
    help: 'Attempts that the worker stopped, by cause.',
    labelNames: ['cause'] as const,
    registers,
  });
  for (const cause of STOP_CAUSES) stops.inc({ cause }, 0);
  const kills = new Counter({
    name: 'hydra_worker_kills_total',
    help: 'Attempts that were stopped and had to be killed, since their grace period was over.',
    registers,
  });
  const stdinBytes = new Counter({
    name: 'hydra_worker_stdin_bytes_total',
    help: 'Bytes that were handed to the standard input of commands.',
    registers,
  });
  const rejections = new Counter({
    name: 'hydra_worker_policy_rejections_total',
    help: "Attempts that the worker's policy refused, by rule.",
    labelNames: ['rule'] as const,
    registers,
  });
  const boundHits = countBoundHits(registry, BOUNDS);
  return { registry, attempts, reconnects, fences, stops, kills, stdinBytes, rejections, boundHits };
}
