import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { countBoundHits } from '../runtime/bound-hits.ts';

/** What `/metrics` of a coordinator shows. Gauges are read at the scrape from `sources`. */
export interface MetricSources {
  readonly held: () => number;
  readonly inHand: () => number;
  readonly sessions: () => number;
  readonly freeSlots: () => number;
  readonly pendingReports: () => number;
  readonly pendingOutputBytes: () => number;
  readonly leaseValid: () => boolean;
}

const LATENESS_BUCKETS_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30, 300];

/** The bounds of docs/architecture.md that can hold something up or drop something here. */
const BOUNDS = [
  'agenda_bytes', // nothing more is claimed ahead of time
  'claim_bytes', // a claim was cut short
  'debug_statements', // refused
  'events', // dropped for one who watches
  'offers', // the others are offered later
  'reports', // nothing new is claimed
  'session_output', // a session was ended: more than its window
  'session_reports', // the same of results
  'stdin_pieces', // read in shorter pieces
  'worker_backlog', // a session was ended: its worker does not read
  'worker_congested', // nothing more is dispatched to it for now
];

export class CoordinatorMetrics {
  readonly registry = new Registry();
  readonly boundHits = countBoundHits(this.registry, BOUNDS);
  readonly claimed = this.#counter('hydra_claimed_total', 'Tasks claimed.');
  readonly started = this.#counter('hydra_started_total', 'Attempts reported as started and recorded.');
  readonly superseded = this.#counter('hydra_superseded_total', 'Reports of attempts that were not current.');
  readonly lost = this.#counter('hydra_lost_total', 'Attempts taken back from lost workers and coordinators.');
  readonly retried = this.#counter('hydra_retried_total', 'Attempts that failed and are followed by another one.');
  readonly handedBack = this.#counter('hydra_handed_back_total', 'Attempts that workers stopped as they had to leave.');
  readonly cancels = this.#counter('hydra_cancels_total', 'Attempts that workers were told to stop.');
  readonly rebalanced = this.#counter(
    'hydra_rebalanced_total',
    'Workers that moved to another coordinator after they were asked to.',
  );
  readonly outputStored = this.#counter('hydra_output_stored_bytes_total', 'Output stored while commands ran.');
  readonly ended = new Counter({
    name: 'hydra_ended_total',
    help: 'Tasks whose end was recorded here, by their state.',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });
  readonly databaseErrors = new Counter({
    name: 'hydra_database_errors_total',
    help: 'Statements that failed, by what they were for.',
    labelNames: ['operation'] as const,
    registers: [this.registry],
  });
  readonly dispatchLateness = new Histogram({
    name: 'hydra_dispatch_lateness_seconds',
    help: 'From the instant a task was due until it was sent to a worker.',
    buckets: LATENESS_BUCKETS_S,
    registers: [this.registry],
  });
  readonly claimDuration = new Histogram({
    name: 'hydra_claim_pass_seconds',
    help: 'Duration of a pass that looks for due tasks and claims them.',
    buckets: LATENESS_BUCKETS_S,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Connects the gauges. */
  observe(sources: MetricSources): void {
    this.#gauge('hydra_held_tasks', 'Tasks claimed and not yet sent.', sources.held);
    this.#gauge('hydra_in_hand_attempts', 'Attempts that workers of this coordinator have in hand.', sources.inHand);
    this.#gauge('hydra_sessions', 'Open worker sessions.', sources.sessions);
    this.#gauge('hydra_free_slots', 'Free slots of the workers connected here.', sources.freeSlots);
    this.#gauge('hydra_pending_reports', 'Reports not yet committed.', sources.pendingReports);
    this.#gauge('hydra_pending_output_bytes', 'Output not yet committed.', sources.pendingOutputBytes);
    this.#gauge('hydra_lease_valid', '1 while the lease of this coordinator is valid.', () =>
      Number(sources.leaseValid()),
    );
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
