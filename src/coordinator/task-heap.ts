import TinyQueue from 'tinyqueue';
import type { ClaimedTask } from '../db/claim-due-tasks.ts';

/** Entries that nobody holds any more and may stay beyond the number of those that somebody does. */
const SPARE = 100;

export interface TaskHeapOptions {
  readonly compare: (a: ClaimedTask, b: ClaimedTask) => number;
  /** What is not held any more is passed over. */
  readonly isHeld: (task: ClaimedTask) => boolean;
  /** At least as many as are held and in here. */
  readonly held: () => number;
}

/**
 * A heap of tasks that may be dropped, or come in again, without being taken out first. What is left of those stays
 * until it comes up, unless it becomes the larger part: then the heap is made anew.
 */
export class TaskHeap {
  #queue: TinyQueue<ClaimedTask>;

  constructor(private readonly options: TaskHeapOptions) {
    this.#queue = new TinyQueue<ClaimedTask>([], options.compare);
  }

  push(task: ClaimedTask): void {
    this.#queue.push(task);
    if (this.#queue.length > 2 * this.options.held() + SPARE) this.#compact();
  }

  /** The first that is held. */
  peek(): ClaimedTask | undefined {
    for (;;) {
      const task = this.#queue.peek();
      if (task === undefined || this.options.isHeld(task)) return task;
      this.#queue.pop();
    }
  }

  /** Takes out what {@link peek} has just shown. */
  pop(): void {
    this.#queue.pop();
  }

  #compact(): void {
    const held = new Set(this.#queue.data.filter(this.options.isHeld));
    this.#queue = new TinyQueue([...held], this.options.compare);
  }
}
