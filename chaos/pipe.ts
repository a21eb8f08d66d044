import type { Socket } from 'node:net';
import { resetSocket } from './reset-socket.ts';

/** How a link delays what goes through it. */
export interface Slowness {
  readonly latencyMs: number;
  /** Up to so much more for each piece. */
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
}

/** Most that waits in one direction; past it the sender is slowed down. */
const QUEUE_BYTES = 256 * 1024;

type Item =
  | { readonly kind: 'data'; readonly data: Buffer; readonly dueMs: number }
  | { readonly kind: 'end' | 'reset'; readonly dueMs: number };

/** One direction of a connection: delivers in order what `from` sends and how it ends, at once, later or never. */
export class Pipe {
  readonly #queue: Item[] = [];
  readonly #from: Socket;
  readonly #to: Socket;
  #bytes = 0;
  #newestDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #held = false;
  #swallows = false;
  #slowness: Slowness | null = null;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    let over = false;
    const finish = (kind: 'end' | 'reset') => {
      if (over) return;
      over = true;
      this.#push({ kind, dueMs: this.#dueMs(0) });
    };
    from.on('data', (data) => this.#push({ kind: 'data', data, dueMs: this.#dueMs(data.length) }));
    from.on('end', () => finish('end'));
    from.on('error', () => finish('reset'));
    from.on('close', () => finish('reset'));
    to.on('drain', () => this.#pump());
    to.on('close', () => {
      clearTimeout(this.#timer);
      this.#queue.length = 0;
    });
  }

  /** Keeps everything, for later. */
  hold(held: boolean): void {
    this.#held = held;
    this.#pump();
  }

  /** Drops everything from now on, and how the sender ends as well. */
  swallow(): void {
    this.#swallows = true;
    this.#queue.length = 0;
    this.#bytes = 0;
    this.#from.resume();
  }

  slowDown(slowness: Slowness | null): void {
    this.#slowness = slowness;
  }

  /** No piece overtakes another, whatever their delays. */
  #dueMs(bytes: number): number {
    const now = performance.now();
    if (this.#slowness === null) return (this.#newestDueMs = Math.max(this.#newestDueMs, now));
    const { latencyMs, jitterMs, bytesPerSecond } = this.#slowness;
    const arrivesMs = now + latencyMs + Math.random() * jitterMs;
    return (this.#newestDueMs = Math.max(this.#newestDueMs, arrivesMs) + (bytes / bytesPerSecond) * 1_000);
  }

  #push(item: Item): void {
    if (this.#swallows) return;
    this.#queue.push(item);
    if (item.kind === 'data') this.#bytes += item.data.length;
    if (this.#bytes > QUEUE_BYTES) this.#from.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#held && !this.#to.destroyed && !this.#to.writableNeedDrain) {
      const item = this.#queue[0];
      if (item === undefined) break;
      const waitMs = item.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        return;
      }
      this.#queue.shift();
      this.#deliver(item);
    }
    if (this.#bytes <= QUEUE_BYTES / 2) this.#from.resume();
  }

  #deliver(item: Item): void {
    switch (item.kind) {
      case 'data':
        this.#bytes -= item.data.length;
        this.#to.write(item.data);
        return;
      case 'end':
        this.#to.end();
        return;
      case 'reset':
        resetSocket(this.#to);
        return;
    }
  }
}
