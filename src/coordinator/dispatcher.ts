import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import type { Agenda } from './agenda.ts';
import type { EventHub } from './event-hub.ts';
import type { CoordinatorMetrics } from './metrics.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { WorkerSession } from './worker-session.ts';

/** Commands in one frame, unless one alone is longer. */
const FRAME_BYTES = 1024 * 1024;

export interface DispatcherDeps {
  readonly agenda: Agenda;
  readonly registry: WorkerRegistry;
  readonly hub: EventHub;
  readonly metrics: CoordinatorMetrics;
  /** Whether this coordinator still owns what it claimed. */
  readonly owns: () => boolean;
  readonly nowMs: () => number;
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
    const frames = new Map<WorkerSession, ClaimedTask[]>();
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
      const frame = frames.get(session);
      if (frame === undefined) frames.set(session, [task]);
      else frame.push(task);
      sent++;
    }
    for (const [session, tasks] of frames) {
      for (const frame of inFrames(tasks)) this.#send(session, frame);
    }
    return sent;
  }

  #send(session: WorkerSession, tasks: readonly ClaimedTask[]): void {
    const { hub, metrics } = this.deps;
    session.send({
      kind: 'dispatch',
      attempts: tasks.map((task) => ({
        ref: { taskId: task.taskId, attempt: task.attempt },
        command: task.command,
        queue: task.queue,
        scheduledAtUs: task.scheduledAtUs,
      })),
    });
    const now = this.deps.nowMs();
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

/** A message has a limit (MAX_MESSAGE_BYTES), and a worker with many slots may be sent many long commands. */
function* inFrames(tasks: readonly ClaimedTask[]): Generator<ClaimedTask[]> {
  let frame: ClaimedTask[] = [];
  let bytes = 0;
  for (const task of tasks) {
    const size = Buffer.byteLength(task.command);
    if (frame.length > 0 && bytes + size > FRAME_BYTES) {
      yield frame;
      frame = [];
      bytes = 0;
    }
    frame.push(task);
    bytes += size;
  }
  if (frame.length > 0) yield frame;
}
