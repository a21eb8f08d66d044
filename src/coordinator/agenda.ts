import TinyQueue from 'tinyqueue';
import type { ClaimedTask } from '../db/claim-due-tasks.ts';

/** setTimeout fires about a millisecond early or late; a task found not yet due is simply waited for again. */
const LONGEST_TIMER_MS = 60_000;

const byDueTime = (a: ClaimedTask, b: ClaimedTask) => a.dueAtMs - b.dueAtMs;
/** Order in which due tasks get a slot; the same as that of the claim. */
const byUrgency = (a: ClaimedTask, b: ClaimedTask) => b.priority - a.priority || a.dueAtMs - b.dueAtMs;

/**
 * Tasks this coordinator has claimed and not yet sent: `waiting` for their instant, then `ready` for a slot. Losing it
 * loses nothing: the claims go back when the coordinator's lease ends.
 */
export class Agenda {
  readonly #held = new Map<string, ClaimedTask>();
  readonly #heldByLane = new Map<string, number>();
  #waiting = new TinyQueue<ClaimedTask>([], byDueTime);
  #ready = new Map<string, TinyQueue<ClaimedTask>>();
  #timer: NodeJS.Timeout | null = null;

  /** `onDue` is called when a waiting task has become due. */
  constructor(
    private readonly nowMs: () => number,
    private readonly onDue: () => void,
  ) {}

  get size(): number {
    return this.#held.size;
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
  }

  /** Makes ready what has become due. Whoever calls this dispatches next, since the timer will not tell of it again. */
  promote(): void {
    const now = this.nowMs();
    for (;;) {
      const task = this.#peek(this.#waiting);
      if (task === undefined || task.dueAtMs > now) break;
      this.#waiting.pop();
      this.#makeReady(task);
    }
    this.#arm();
  }

  /** Lanes with a ready task, the most urgent first. */
  readyLanes(): string[] {
    const firsts: ClaimedTask[] = [];
    for (const [lane, queue] of this.#ready) {
      const first = this.#peek(queue);
      if (first === undefined) this.#ready.delete(lane);
      else firsts.push(first);
    }
    return firsts.sort(byUrgency).map((task) => task.lane);
  }

  /** Something is due and waits for a slot. */
  get hasReady(): boolean {
    return this.readyLanes().length > 0;
  }

  /** Takes the most urgent ready task of a lane; the caller sends it. */
  takeReady(lane: string): ClaimedTask | undefined {
    const queue = this.#ready.get(lane);
    const task = queue && this.#peek(queue);
    if (queue === undefined || task === undefined) return undefined;
    queue.pop();
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
    this.#waiting = new TinyQueue<ClaimedTask>([], byDueTime);
    this.#ready.clear();
    this.#arm();
    return all;
  }

  #hold(task: ClaimedTask): void {
    const before = this.#held.get(task.taskId);
    if (before !== undefined) this.#forget(before);
    this.#held.set(task.taskId, task);
    this.#heldByLane.set(task.lane, this.heldInLane(task.lane) + 1);
  }

  #makeReady(task: ClaimedTask): void {
    let queue = this.#ready.get(task.lane);
    if (queue === undefined) this.#ready.set(task.lane, (queue = new TinyQueue<ClaimedTask>([], byUrgency)));
    queue.push(task);
  }

  #isHeld(task: ClaimedTask): boolean {
    return this.#held.get(task.taskId) === task;
  }

  #forget(task: ClaimedTask): void {
    this.#held.delete(task.taskId);
    const left = this.heldInLane(task.lane) - 1;
    if (left > 0) this.#heldByLane.set(task.lane, left);
    else this.#heldByLane.delete(task.lane);
  }

  #peek(queue: TinyQueue<ClaimedTask>): ClaimedTask | undefined {
    for (;;) {
      const task = queue.peek();
      if (task === undefined || this.#isHeld(task)) return task;
      queue.pop();
    }
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const next = this.#peek(this.#waiting);
    if (next === undefined) return;
    const delayMs = Math.min(Math.max(Math.ceil(next.dueAtMs - this.nowMs()), 1), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.promote();
      this.onDue();
    }, delayMs);
  }
}
