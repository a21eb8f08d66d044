import type { Reason, TaskState } from '../domain/task-state.ts';

/** What can happen on a coordinator; proto/hydra/v1/debug.proto explains each. */
export type EventKind =
  | 'TASK_CLAIMED'
  | 'TASK_DISPATCHED'
  | 'TASK_STARTED'
  | 'TASK_ENDED'
  | 'TASK_LOST'
  | 'TASK_RETRYING'
  | 'TASK_CANCELLING'
  | 'REPORT_SUPERSEDED'
  | 'WORKER_CONNECTED'
  | 'WORKER_DRAINING'
  | 'WORKER_DISCONNECTED'
  | 'WORKER_LEFT'
  | 'WORKER_LOST';

export interface HubEvent {
  readonly kind: EventKind;
  readonly taskId?: string;
  readonly attempt?: number;
  readonly workerId?: string;
  readonly state?: TaskState;
  readonly reason?: Reason;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
}

export type Watcher = (event: HubEvent) => void;

/** Hands what happens on this coordinator to whoever watches. Costs nothing while nobody does. */
export class EventHub {
  readonly #watchers = new Set<Watcher>();

  publish(event: HubEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  /** Returns the function that ends the watch. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
