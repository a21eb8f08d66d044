import type { handleUnaryCall } from '@grpc/grpc-js';
import { cancelTask } from '../db/cancel-task.ts';
import { drainWorker } from '../db/drain-worker.ts';
import { getTask } from '../db/get-task.ts';
import { insertTasks } from '../db/insert-tasks.ts';
import { limitStatements } from '../db/limit-statements.ts';
import { listAttempts } from '../db/list-attempts.ts';
import { listTasks } from '../db/list-tasks.ts';
import { listWorkers, type WorkerRow } from '../db/list-workers.ts';
import type { Queryable } from '../db/pool.ts';
import { retryTask } from '../db/retry-task.ts';
import { runNow } from '../db/run-now.ts';
import type { TaskRow } from '../db/task-row.ts';
import { orUnavailable } from '../db/unavailable.ts';
import { HydraError, invalidArgument } from '../domain/errors.ts';
import { normaliseTask } from '../domain/task-input.ts';
import { UUID_HINT, UUID_PATTERN } from '../domain/uuid.ts';
import type { DebugHandlers } from '../rpc/generated/hydra/v1/Debug.ts';
import type { InHand } from '../rpc/generated/hydra/v1/InHand.ts';
import { toServiceError } from '../rpc/status-mapping.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Agenda } from './agenda.ts';
import { toTaskInput } from './debug-input.ts';
import { formatInstant, toWireAttempt, toWireTask, toWireWorker } from './debug-task.ts';
import type { EventHub } from './event-hub.ts';
import { EventStream } from './event-stream.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/** Statements that are under way or wait for a connection. */
const STATEMENTS = 100;
/** Most running tasks that GetWorker shows. */
const SHOWN_TASKS = 1_000;
/** Longest that a drain may be given: a year. */
const MAX_DRAIN_MS = 365 * 24 * 3_600_000;
const UUID = new RegExp(UUID_PATTERN);

export interface DebugServiceDeps {
  readonly db: Queryable;
  readonly coordinatorId: string;
  readonly agenda: Agenda;
  readonly registry: WorkerRegistry;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** `hydra.v1.Debug`, for people with grpcurl: the same operations as REST, and what this coordinator has in hand. */
export class DebugService {
  readonly #db: Queryable;

  constructor(private readonly deps: DebugServiceDeps) {
    const { boundHits } = deps.metrics;
    this.#db = limitStatements(deps.db, STATEMENTS, () => boundHits.inc({ bound: 'debug_statements' }));
  }

  handlers(): DebugHandlers {
    const db = this.#db;
    return {
      ListWorkers: this.#unary(async () => ({ workers: (await listWorkers(db)).map(toWireWorker) })),
      GetWorker: this.#unary(async ({ worker_id: workerId }) => {
        const worker = await this.#worker(workerId);
        const { tasks } = await listTasks(db, { workerId, states: ['running'] }, null, SHOWN_TASKS);
        return { worker: toWireWorker(worker), running_tasks: tasks.map(toWireTask) };
      }),
      ListInHand: this.#unary(() =>
        Promise.resolve({ coordinator_id: this.deps.coordinatorId, in_hand: this.#inHand() }),
      ),
      SubmitTask: this.#unary(async (request) => {
        const parsed = normaliseTask(toTaskInput(request));
        if (!parsed.ok) throw invalidArgument(parsed.faults);
        const [inserted] = await insertTasks(db, [parsed.task]);
        return { task_id: inserted?.id ?? '', created: inserted?.created ?? false };
      }),
      GetTask: this.#unary(async ({ task_id: taskId }) => {
        const task = await getTask(db, requireUuid(taskId));
        if (task === null) throw unknownTask(taskId);
        return toWireTask(task);
      }),
      CancelTask: this.#unary(async ({ task_id: taskId }) => {
        const outcome = await cancelTask(db, requireUuid(taskId));
        switch (outcome.kind) {
          case 'cancelled':
          case 'cancelling':
            return toWireTask(outcome.task);
          case 'too_late':
            throw conflict(outcome.task, 'it has ended and cannot be cancelled');
          case 'unknown':
            throw unknownTask(taskId);
        }
      }),
      RetryTask: this.#unary(async ({ task_id: taskId }) => {
        const outcome = await retryTask(db, requireUuid(taskId));
        switch (outcome.kind) {
          case 'scheduled':
            return toWireTask(outcome.task);
          case 'not_ended':
            throw conflict(outcome.task, 'only a task that has ended can be run again');
          case 'unknown':
            throw unknownTask(taskId);
        }
      }),
      RunTaskNow: this.#unary(async ({ task_id: taskId }) => {
        const outcome = await runNow(db, requireUuid(taskId));
        switch (outcome.kind) {
          case 'hastened':
            return toWireTask(outcome.task);
          case 'too_late':
            throw conflict(
              outcome.task,
              outcome.task.cancelRequestedAt === null
                ? 'only a task that waits for its time can be run now'
                : 'somebody has asked to cancel it',
            );
          case 'unknown':
            throw unknownTask(taskId);
        }
      }),
      ListAttempts: this.#unary(async ({ task_id: taskId }) => {
        const attempts = await listAttempts(db, requireUuid(taskId));
        if (attempts === null) throw unknownTask(taskId);
        return { attempts: attempts.map(toWireAttempt) };
      }),
      DrainWorker: this.#unary(async ({ timeout_ms: timeoutMs, worker_id: workerId }) => {
        if (timeoutMs !== undefined && timeoutMs > MAX_DRAIN_MS) {
          throw invalidArgument([{ field: 'timeout_ms', message: `is ${timeoutMs}; give at most ${MAX_DRAIN_MS}` }]);
        }
        if (!(await drainWorker(db, workerId, timeoutMs ?? null))) throw unknownWorker(workerId);
        return toWireWorker(await this.#worker(workerId));
      }),
      WatchEvents: (call) => {
        const onDropped = () => this.deps.metrics.boundHits.inc({ bound: 'events' });
        new EventStream(call, this.deps.hub, this.deps.nowMs, onDropped).start();
      },
    };
  }

  async #worker(workerId: string): Promise<WorkerRow> {
    const worker = (await listWorkers(this.#db)).find(({ id }) => id === workerId);
    if (worker === undefined) throw unknownWorker(workerId);
    return worker;
  }

  #inHand(): InHand[] {
    const held = this.deps.agenda.list().map(({ stage, task }) => ({
      task_id: task.taskId,
      attempt: task.attempt,
      queue: task.queue,
      stage,
      due_at: formatInstant(new Date(task.dueAtMs)),
      worker_id: '',
      cancelling: false,
    }));
    const sent = this.deps.registry.all().flatMap((session) =>
      session.inHand().map(({ cancelling, ref, stage, task }) => ({
        task_id: ref.taskId,
        attempt: ref.attempt,
        // Brought along from another coordinator: only the token is known here.
        queue: task?.queue ?? '',
        stage,
        due_at: task === null ? '' : formatInstant(new Date(task.dueAtMs)),
        worker_id: session.workerId,
        cancelling,
      })),
    );
    return [...held, ...sent];
  }

  #unary<Request, Response>(answer: (request: Request) => Promise<Response>): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      orUnavailable(() => answer(call.request)).then(
        (response) => callback(null, response),
        (error: unknown) => {
          if (!(error instanceof HydraError))
            this.deps.logger.error({ err: error, path: call.getPath() }, 'a call failed');
          callback(toServiceError(error));
        },
      );
    };
  }
}

function requireUuid(taskId: string): string {
  if (!UUID.test(taskId)) {
    throw invalidArgument([{ field: 'task_id', message: `is ${JSON.stringify(taskId)}, not a UUID; ${UUID_HINT}` }]);
  }
  return taskId;
}

function conflict(task: TaskRow, why: string): HydraError {
  return new HydraError('conflict', `task ${task.id} is ${task.state}; ${why}`);
}

function unknownTask(taskId: string): HydraError {
  return new HydraError('not_found', `there is no task ${taskId}`);
}

function unknownWorker(workerId: string): HydraError {
  return new HydraError(
    'not_found',
    `there is no worker ${JSON.stringify(workerId)}; ListWorkers names those there are`,
  );
}
