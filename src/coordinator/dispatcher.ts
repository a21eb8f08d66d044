import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import type { Attempt } from '../rpc/messages.ts';
import type { Agenda } from './agenda.ts';
import { inFrames } from './dispatch-frames.ts';
import type { EventHub } from './event-hub.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

export interface DispatcherDeps {
  readonly agenda: Agenda;
  readonly registry: WorkerRegistry;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  /** Whether this coordinator still owns what it claimed. */
  readonly owns: () => boolean;
  readonly nowMs: () => number;
  /** These were not to start this late. They are off the agenda; whoever takes them here ends them. */
  readonly onLapsed: (tasks: readonly ClaimedTask[]) => void;
}

/**
 * Sends ready tasks to workers with a free slot, the most urgent first. Writes nothing to PostgreSQL: a claim already
 * says who owns the task, and the worker's first report says where it runs.
 */
export class Dispatcher {
  constructor(private readonly deps: DispatcherDeps) {}

  /** Sends all that can be sent now. Returns how many. */
  dispatchReady(): number {
    const { agenda, registry } = this.deps;
    // A process that was stopped for longer than its lease wakes up here, with claims that are others' by now.
    if (!this.deps.owns()) return 0;
    agenda.promote();
    const lapsed = agenda.takeLapsed();
    if (lapsed.length > 0) this.deps.onLapsed(lapsed);
    const bySession = new Map<WorkerSession, ClaimedTask[]>();
    const full = new Set<string>();
    let sent = 0;
    for (;;) {
      const lane = agenda.readyLanes().find((candidate) => !full.has(candidate));
      if (lane === undefined) break;
      const session = registry.next(lane);
      if (session === undefined) {
        full.add(lane);
        continue;
      }
      const task = agenda.takeReady(lane);
      if (task === undefined) break;
      session.occupy(task);
      const tasks = bySession.get(session);
      if (tasks === undefined) bySession.set(session, [task]);
      else tasks.push(task);
      sent++;
    }
    for (const [session, tasks] of bySession) {
      for (const frame of inFrames(tasks)) this.#send(session, frame);
    }
    return sent;
  }

  #send(session: WorkerSession, tasks: readonly ClaimedTask[]): void {
    const { hub, metrics } = this.deps;
    const now = this.deps.nowMs();
    const bytes = tasks.reduce((sum, task) => sum + task.bytes, 0);
    session.send({ kind: 'dispatch', attempts: tasks.map((task) => toAttempt(task, now)) }, bytes);
    for (const task of tasks) {
      metrics.dispatchLateness.observe(Math.max(0, now - task.dueAtMs) / 1000);
      hub.publish({
        kind: 'TASK_DISPATCHED',
        taskId: task.taskId,
        attempt: task.attempt,
        workerId: session.workerId,
      });
    }
  }
}

function toAttempt(task: ClaimedTask, nowMs: number): Attempt {
  return {
    ref: { taskId: task.taskId, attempt: task.attempt },
    queue: task.queue,
    scheduledAtUs: task.scheduledAtUs,
    // PostgreSQL may have found it due a moment before it is by our reading of its clock.
    lateUs: Math.max(0, Math.round(nowMs * 1000) - task.scheduledAtUs),
    run: task.run,
    totalTimeoutLeftMs: totalTimeoutLeftMs(task, nowMs),
  };
}

/** Before the first start all of it is left: it counts from there. */
function totalTimeoutLeftMs({ totalDeadlineMs, totalTimeoutMs }: ClaimedTask, nowMs: number): number | null {
  return totalDeadlineMs === null ? totalTimeoutMs : Math.max(1, Math.ceil(totalDeadlineMs - nowMs));
}
