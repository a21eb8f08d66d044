import type { ClaimedTask } from '../db/claim-due-tasks.ts';
import { TaskHeap } from './task-heap.ts';

/** setTimeout fires about a millisecond early or late; a task found not yet due is simply waited for again. */
const LONGEST_TIMER_MS = 60_000;

const byDueTime = (a: ClaimedTask, b: ClaimedTask) => a.dueAtMs - b.dueAtMs;
const giveUpAtMs = (task: ClaimedTask) => task.giveUpAtMs ?? Infinity;
const byGiveUpTime = (a: ClaimedTask, b: ClaimedTask) => giveUpAtMs(a) - giveUpAtMs(b);
/** Order in which due tasks get a slot; the same as that of the claim. */
const byUrgency = (a: ClaimedTask, b: ClaimedTask) => b.priority - a.priority || a.dueAtMs - b.dueAtMs;

/**
 * Tasks this coordinator has claimed and not yet sent: `waiting` for their instant, then `ready` for a slot, and lapsed
 * when they have got none in time. Losing it loses nothing: the claims go back when the coordinator's lease ends.
 */
export class Agenda {
  readonly #held = new Map<string, ClaimedTask>();
  readonly #heldByLane = new Map<string, number>();
  #waiting = this.#heap(byDueTime);
  readonly #ready = new Map<string, TaskHeap>();
  /** Those that may not start after a certain time. */
  #limited = this.#heap(byGiveUpTime);
  readonly #lapsed = new Set<ClaimedTask>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  /** `onDue` is called when a waiting task has become due, or a task has lapsed. */
  constructor(
    private readonly nowMs: () => number,
    private readonly onDue: () => void,
  ) {}

  get size(): number {
    return this.#held.size;
  }

  /** What all that is held takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lanes of all that is held. */
  heldLanes(): string[] {
    return [...this.#heldByLane.keys()];
  }

  heldInLane(lane: string): number {
    return this.#heldByLane.get(lane) ?? 0;
  }

  /** Adds tasks that may have to wait for their instant. */
  add(tasks: readonly ClaimedTask[]): void {
    for (const task of tasks) {
      this.#hold(task);
      this.#waiting.push(task);
    }
    this.promote();
  }

  /** Adds tasks that PostgreSQL itself found due; our idea of its clock may be a moment behind. */
  addDue(tasks: readonly ClaimedTask[]): void {
    for (const task of tasks) {
      this.#hold(task);
      this.#makeReady(task);
    }
    this.promote();
  }

  /** The task is due at another time than it was when it was claimed: somebody has brought it forward. */
  replan(taskId: string, attempt: number, dueAtMs: number): void {
    const task = this.#held.get(taskId);
    if (task?.attempt !== attempt || task.dueAtMs === dueAtMs) return;
    // No task is scheduled for later than it is due.
    const scheduledAtUs = Math.min(task.scheduledAtUs, Math.round(dueAtMs * 1000));
    this.add([{ ...task, dueAtMs, scheduledAtUs }]);
  }

  /**
   * Makes ready what has become due, and notes what has lapsed. Whoever calls this dispatches next, since the timer
   * will not tell of it again.
   */
  promote(): void {
    const now = this.nowMs();
    for (;;) {
      const task = this.#limited.peek();
      if (task === undefined || giveUpAtMs(task) > now) break;
      this.#limited.pop();
      this.#lapsed.add(task);
    }
    for (;;) {
      const task = this.#waiting.peek();
      if (task === undefined || task.dueAtMs > now) break;
      this.#waiting.pop();
      this.#makeReady(task);
    }
    this.#arm();
  }

  /** Lanes with a ready task, the most urgent first. */
  readyLanes(): string[] {
    const firsts: ClaimedTask[] = [];
    for (const [lane, heap] of this.#ready) {
      const first = heap.peek();
      if (first === undefined) this.#ready.delete(lane);
      else firsts.push(first);
    }
    return firsts.sort(byUrgency).map((task) => task.lane);
  }

  /** Something is due and waits for a slot. */
  get hasReady(): boolean {
    return this.readyLanes().length > 0;
  }

  /** Takes what was not to start this late; the caller ends it. To be called before anything is taken to be sent. */
  takeLapsed(): ClaimedTask[] {
    const taken = [...this.#lapsed].filter((task) => this.#isHeld(task));
    this.#lapsed.clear();
    for (const task of taken) this.#forget(task);
    return taken;
  }

  /** Takes the most urgent ready task of a lane; the caller sends it. */
  takeReady(lane: string): ClaimedTask | undefined {
    const heap = this.#ready.get(lane);
    const task = heap?.peek();
    if (heap === undefined || task === undefined) return undefined;
    heap.pop();
    this.#forget(task);
    return task;
  }

  /** Everything held, with its stage. */
  list(): { readonly task: ClaimedTask; readonly stage: 'waiting' | 'ready' }[] {
    const now = this.nowMs();
    return [...this.#held.values()].map((task) => ({ task, stage: task.dueAtMs <= now ? 'ready' : 'waiting' }));
  }

  /** Takes off what is wanted, at most so many; nothing here sends it any more. */
  take(wanted: (task: ClaimedTask) => boolean, most = Infinity): ClaimedTask[] {
    const taken: ClaimedTask[] = [];
    for (const task of this.#held.values()) {
      if (taken.length >= most) break;
      if (wanted(task)) taken.push(task);
    }
    for (const task of taken) this.#forget(task);
    return taken;
  }

  /** Drops a task, if it is held (as that attempt, when given). */
  remove(taskId: string, attempt?: number): ClaimedTask | undefined {
    const task = this.#held.get(taskId);
    if (task === undefined || (attempt !== undefined && task.attempt !== attempt)) return undefined;
    this.#forget(task);
    // The heaps drop it when it comes up.
    return task;
  }

  /** Drops everything and returns it. */
  clear(): ClaimedTask[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    this.#heldByLane.clear();
    this.#waiting = this.#heap(byDueTime);
    this.#ready.clear();
    this.#limited = this.#heap(byGiveUpTime);
    this.#lapsed.clear();
    this.#bytes = 0;
    this.#arm();
    return all;
  }

  #hold(task: ClaimedTask): void {
    const before = this.#held.get(task.taskId);
    if (before !== undefined) this.#forget(before);
    this.#held.set(task.taskId, task);
    this.#heldByLane.set(task.lane, this.heldInLane(task.lane) + 1);
    this.#bytes += task.bytes;
    if (task.giveUpAtMs !== null) this.#limited.push(task);
  }

  #makeReady(task: ClaimedTask): void {
    const { lane } = task;
    let heap = this.#ready.get(lane);
    if (heap === undefined) this.#ready.set(lane, (heap = this.#heap(byUrgency, () => this.heldInLane(lane))));
    heap.push(task);
  }

  #heap(compare: (a: ClaimedTask, b: ClaimedTask) => number, held = () => this.#held.size): TaskHeap {
    return new TaskHeap({ compare, held, isHeld: (task) => this.#isHeld(task) });
  }

  #isHeld(task: ClaimedTask): boolean {
    return this.#held.get(task.taskId) === task;
  }

  #forget(task: ClaimedTask): void {
    this.#held.delete(task.taskId);
    this.#bytes -= task.bytes;
    const left = this.heldInLane(task.lane) - 1;
    if (left > 0) this.#heldByLane.set(task.lane, left);
    else this.#heldByLane.delete(task.lane);
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const nextMs = Math.min(this.#waiting.peek()?.dueAtMs ?? Infinity, this.#limited.peek()?.giveUpAtMs ?? Infinity);
    if (nextMs === Infinity) return;
    const delayMs = Math.min(Math.max(Math.ceil(nextMs - this.nowMs()), 1), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.promote();
      this.onDue();
    }, delayMs);
  }
}
