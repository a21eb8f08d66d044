import type { Labels } from '../domain/lane.ts';
import { CANCELLED_CHANNEL } from './channels.ts';
import type { ListPosition } from './list-tasks.ts';
import type { Queryable } from './pool.ts';
import { REQUEST_CANCEL } from './request-cancel.ts';
import { rangesSql } from './task-ranges.ts';

/** States that can be cancelled, in the order that a task goes through them. */
export const CANCELLABLE_STATES = ['scheduled', 'picked', 'running'] as const;
export type CancellableState = (typeof CANCELLABLE_STATES)[number];

/** Which tasks to cancel: those that all of these say. What is left out says nothing. */
export interface CancelFilter {
  readonly states?: readonly CancellableState[];
  readonly queue?: string;
  /** Where they run. */
  readonly workerId?: string;
  /** They require each of these, and maybe more. */
  readonly labels?: Labels;
  /** Scheduled at this instant or later. */
  readonly scheduledFrom?: Date;
  /** Scheduled before this instant. */
  readonly scheduledTo?: Date;
}

export interface CancelledTasks {
  /** Nobody owned them; they have ended. */
  readonly cancelled: number;
  /** Claimed or running; their owners end them. */
  readonly cancelling: number;
}

/** Tasks looked at in one statement. */
const PAGE = 1_000;

/** Tasks of one queue in one state. */
interface Range {
  readonly queue: string;
  readonly state: CancellableState;
}

interface Page extends CancelledTasks {
  /** How many tasks it had, cancelled or not. */
  readonly read: number;
  /** Its last one. */
  readonly scheduledAt: string;
  readonly id: string;
}

const FIRST_UUID = '00000000-0000-0000-0000-000000000000';

const rangesSqlFor = (worker: string) => /* sql */ `
  WITH RECURSIVE ${rangesSql(worker)}
  SELECT queue, state FROM ranges WHERE state = ANY ($2::task_state[]) ORDER BY queue, state
`;

/*
 * One page of a range, read in the order of its index whether or not a task matches, so that a statement stays short
 * however few do. What matches is locked in the order of the ids, and where it went meanwhile is looked at again then.
 */
const pageSqlFor = (worker: string) => /* sql */ `
  WITH page AS MATERIALIZED (
    SELECT t.id, t.scheduled_at, t.labels @> $7 AND t.created_at <= $8 AND t.cancel_requested_at IS NULL AS matches
    FROM tasks t
    WHERE ${worker} t.queue = $1 AND t.state = $3
      AND (t.scheduled_at, t.id) > ($4::timestamptz, $5::uuid) AND t.scheduled_at < $6
    ORDER BY t.scheduled_at, t.id LIMIT ${PAGE}
  ), found AS MATERIALIZED (
    SELECT t.id FROM tasks t JOIN page ON page.id = t.id AND page.matches
    WHERE ${worker} t.state = ANY ($2::task_state[]) AND t.cancel_requested_at IS NULL
    ORDER BY t.id FOR NO KEY UPDATE OF t
  ), changed AS (
    UPDATE tasks t SET ${REQUEST_CANCEL} FROM found WHERE t.id = found.id
    RETURNING t.state
  ), told AS (
    SELECT pg_notify('${CANCELLED_CHANNEL}', '') FROM changed WHERE state <> 'cancelled' LIMIT 1
  ), counted AS (
    SELECT count(*) FILTER (WHERE state = 'cancelled')::int AS cancelled,
      count(*) FILTER (WHERE state <> 'cancelled')::int AS cancelling
    FROM changed
  )
  SELECT counted.*, (SELECT count(*)::int FROM page) AS read, page.scheduled_at::text AS "scheduledAt", page.id
  FROM page, counted WHERE (SELECT count(*) FROM told) >= 0
  ORDER BY page.scheduled_at DESC, page.id DESC LIMIT 1
`;

const BY_QUEUE = { ranges: rangesSqlFor(''), page: pageSqlFor('') };
const BY_WORKER = { ranges: rangesSqlFor('t.worker_id = $3 AND'), page: pageSqlFor('t.worker_id = $9 AND') };

const NOW_SQL = /* sql */ `SELECT statement_timestamp()::text AS now`;

/**
 * Cancels every task that matches, each as cancelTask does, in many short statements. Tasks that are submitted after
 * it began are left alone, so that it ends. Tasks move meanwhile, so it looks again until it finds none to cancel.
 */
export async function cancelTasks(db: Queryable, filter: CancelFilter): Promise<CancelledTasks> {
  const { rows } = await db.query<{ now: string }>(NOW_SQL);
  const began = rows[0]?.now ?? '-infinity';
  let cancelled = 0;
  let cancelling = 0;
  for (let found = true; found;) {
    const pass = await cancelOnce(db, filter, began);
    cancelled += pass.cancelled;
    cancelling += pass.cancelling;
    found = pass.cancelled + pass.cancelling > 0;
  }
  return { cancelled, cancelling };
}

/** The statements and their values, apart so that a test can ask PostgreSQL how it would run them. */
export function cancelRangesQuery({ queue, states = CANCELLABLE_STATES, workerId }: CancelFilter) {
  const values = [queue ?? null, states];
  return workerId === undefined
    ? { text: BY_QUEUE.ranges, values }
    : { text: BY_WORKER.ranges, values: [...values, workerId] };
}

export function cancelPageQuery(filter: CancelFilter, range: Range, after: ListPosition, began: string) {
  const { labels = {}, scheduledTo, states = CANCELLABLE_STATES, workerId } = filter;
  const to = scheduledTo?.toISOString() ?? 'infinity';
  const values = [range.queue, states, range.state, after.scheduledAt, after.id, to, labels, began];
  return workerId === undefined
    ? { text: BY_QUEUE.page, values }
    : { text: BY_WORKER.page, values: [...values, workerId] };
}

/** Goes once through all that may match, each queue in the order that its tasks go through states. */
async function cancelOnce(db: Queryable, filter: CancelFilter, began: string): Promise<CancelledTasks> {
  let cancelled = 0;
  let cancelling = 0;
  const ranges = await db.query<Range>(cancelRangesQuery(filter));
  for (const range of ranges.rows) {
    let after: ListPosition | null = {
      scheduledAt: filter.scheduledFrom?.toISOString() ?? '-infinity',
      id: FIRST_UUID,
    };
    while (after !== null) {
      const page: Page | undefined = await cancelPage(db, cancelPageQuery(filter, range, after, began));
      cancelled += page?.cancelled ?? 0;
      cancelling += page?.cancelling ?? 0;
      after = page?.read === PAGE ? page : null;
    }
  }
  return { cancelled, cancelling };
}

async function cancelPage(db: Queryable, query: { text: string; values: unknown[] }): Promise<Page | undefined> {
  const { rows } = await db.query<Page>(query);
  return rows[0];
}
