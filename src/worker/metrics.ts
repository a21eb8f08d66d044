import { Counter, Gauge, Registry } from 'prom-client';
import { REASONS } from '../domain/task-state.ts';

/** Read whenever the metrics are. */
export interface WorkerGauges {
  readonly slots: number;
  readonly running: () => number;
  readonly unacknowledged: () => number;
  readonly heartbeatAgeSeconds: () => number;
}

export interface WorkerMetrics {
  readonly registry: Registry;
  readonly attempts: Counter<'reason'>;
  readonly reconnects: Counter;
  readonly fences: Counter;
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
    'hydra_worker_heartbeat_age_seconds',
    'Seconds since a coordinator last acknowledged a heartbeat or the registration; since the start if none did.',
    gauges.heartbeatAgeSeconds,
  );
  const attempts = new Counter({
    name: 'hydra_worker_attempts_total',
    help: 'Attempts that ended, by reason; those killed because the worker no longer owned them are not counted.',
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
  return { registry, attempts, reconnects, fences };
}
