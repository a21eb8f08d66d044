import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Stats } from '../db/read-stats.ts';
import { countBoundHits } from '../runtime/bound-hits.ts';
import { cached } from './cached.ts';
import { within } from './within.ts';

export interface MetricSources {
  readonly stats: () => Promise<Stats>;
  /** Tasks that wait to be stored. */
  readonly insertQueue: () => number;
}

const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** The bounds of docs/architecture.md that can hold something up, refuse or drop something here. */
const BOUNDS = [
  'answers', // together they would take too much memory
  'bodies', // the same of requests
  'connections',
  'insert_queue', // too many tasks wait to be stored
  'insert_wait', // they have waited too long
  'request_body', // of one request
  'request_head',
  'request_time', // until all of it has come
  'requests', // under way
  'slow_reader', // output waits for whoever reads it
  'statements', // under way, or waiting for a connection
  'stuck_reader', // cut off
  'wake_ups', // coordinators are woken a moment later
] as const;
export type Bound = (typeof BOUNDS)[number];

/** How long a scrape waits for PostgreSQL before it does without. */
const STATS_TIMEOUT_MS = 1_500;

/** What `/metrics` shows. Scrapes work without PostgreSQL; they then lack what only it knows. */
export class SchedulerMetrics {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;

  readonly requestDuration = new Histogram({
    name: 'hydra_http_request_duration_seconds',
    help: 'Duration of requests, by route and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS_S,
    registers: [this.#registry],
  });
  readonly insertBatch = new Histogram({
    name: 'hydra_insert_batch_tasks',
    help: 'Tasks that shared one INSERT.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000],
    registers: [this.#registry],
  });
  readonly boundHits = countBoundHits(this.#registry, BOUNDS);
  readonly #insertQueue = this.#gauge('hydra_insert_queue_tasks', 'Tasks that wait to be stored.');
  readonly #up = this.#gauge('hydra_database_up', '1 when PostgreSQL answered this scrape.');
  readonly #tasks = this.#gauge('hydra_tasks', 'Tasks, by state.', 'state');
  readonly #overdue = this.#gauge('hydra_tasks_overdue', 'Tasks that are due and have not started.');
  readonly #oldest = this.#gauge('hydra_oldest_overdue_seconds', 'How long the first overdue task has been due.');
  readonly #workers = this.#gauge('hydra_workers', 'Registered workers, by state.', 'state');
  readonly #slots = this.#gauge('hydra_worker_slots', 'Slots of the connected workers.');

  constructor(sources: MetricSources) {
    this.#sources = sources;
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** One at a time: scrapes that come together share a text. */
  readonly scrape = cached(() => this.#scrape(), 0);

  async #scrape(): Promise<string> {
    this.#insertQueue.set(this.#sources.insertQueue());
    for (const gauge of [this.#tasks, this.#workers]) gauge.reset();
    for (const gauge of [this.#overdue, this.#oldest, this.#slots]) gauge.remove();
    try {
      this.#show(await within(STATS_TIMEOUT_MS, this.#sources.stats(), 'reading the statistics'));
      this.#up.set(1);
    } catch {
      this.#up.set(0);
    }
    return this.#registry.metrics();
  }

  #show(stats: Stats): void {
    for (const [state, count] of Object.entries(stats.tasks)) this.#tasks.set({ state }, count);
    this.#overdue.set(stats.overdue);
    this.#oldest.set((stats.oldestOverdueMs ?? 0) / 1000);
    for (const [state, count] of Object.entries(stats.workers)) this.#workers.set({ state }, count);
    this.#slots.set(stats.slots);
  }

  #gauge(name: string, help: string, ...labelNames: 'state'[]): Gauge<'state'> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}
