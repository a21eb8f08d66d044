import type { OutputPiece } from '../../domain/output.ts';
import { MAX_PIECE_BYTES } from '../../domain/output-slice.ts';
import {
  refKey,
  type AttemptRef,
  type FromCoordinator,
  type FromWorker,
  type OutputChunk,
} from '../../rpc/messages.ts';
import { AttemptOutput, type AttemptOutputOptions } from './attempt-output.ts';
import { ReadingPace } from './reading-pace.ts';

/** Sends a message in the current session and calls `taken` once the connection has taken it. */
export type SendOutput = (message: Extract<FromWorker, { kind: 'output' }>, taken: () => void) => void;

/** Bounds of one frame, so that heartbeats get in between. */
const FRAME_BYTES = 128 * 1024;
const FRAME_CHUNKS = 1_000;

export interface OutputOutboxOptions {
  readonly now: () => number;
  /** A bound held output up, or has some dropped. */
  readonly onBound: (bound: 'output_window' | 'read_pace' | 'output_limit') => void;
}

interface Entry {
  readonly ref: AttemptRef;
  readonly output: AttemptOutput;
}

/**
 * Sends what the commands of a worker write, a piece of each in turn, and no more at a time than the coordinator allows.
 * What is not acknowledged is sent again in the next session.
 */
export class OutputOutbox {
  readonly #entries = new Map<string, Entry>();
  /** Those that may have something to send, in the order of their turns. */
  readonly #ready = new Set<Entry>();
  readonly #pace: ReadingPace;
  #send: SendOutput | null = null;
  #windowBytes = Infinity;
  /** Sent in this session and not acknowledged: bytes by attempt and position. Discarded ones take up the window, too. */
  readonly #unacknowledged = new Map<string, Map<number, number>>();
  #unacknowledgedBytes = 0;
  /** Output waits until some is acknowledged. */
  #full = false;
  #frameOnItsWay = false;
  #soon: NodeJS.Immediate | null = null;

  constructor(private readonly options: OutputOutboxOptions) {
    this.#pace = new ReadingPace({ now: options.now, onHeldUp: () => options.onBound('read_pace') });
  }

  /** Bytes that are kept in memory. */
  get heldBytes(): number {
    return [...this.#entries.values()].reduce((sum, { output }) => sum + output.heldBytes, 0);
  }

  /** A session is registered. `windowBytes`: most that may be sent and not acknowledged; 0: nothing but results. */
  open(send: SendOutput, windowBytes: number): void {
    this.#send = send;
    this.#windowBytes = windowBytes;
    this.#unacknowledged.clear();
    this.#unacknowledgedBytes = 0;
    this.#full = false;
    this.#frameOnItsWay = false;
    for (const entry of [...this.#entries.values()]) {
      entry.output.restart();
      this.#ready.add(entry);
      entry.output.settle();
    }
    this.#flushSoon();
  }

  /** The session is gone. */
  close(): void {
    this.#send = null;
    if (this.#soon) clearImmediate(this.#soon);
    this.#soon = null;
  }

  /** Until its finish() has resolved or it is discarded, it is kept here. */
  begin(ref: AttemptRef, options: AttemptOutputOptions): AttemptOutput {
    const key = refKey(ref);
    this.#entries.get(key)?.output.discard();
    const output = new AttemptOutput(options, {
      now: this.options.now,
      pace: this.#pace,
      takesPieces: () => this.#windowBytes > 0,
      onOverLimit: () => this.options.onBound('output_limit'),
      onReady: () => {
        this.#ready.add(entry);
        this.#flushSoon();
      },
      onEnded: () => {
        this.#ready.delete(entry);
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    });
    const entry: Entry = { ref, output };
    this.#entries.set(key, entry);
    return output;
  }

  /** Discards what is not wanted any more, and returns whose it is. */
  acknowledged({ stored, superseded }: Extract<FromCoordinator, { kind: 'output_ack' }>): AttemptRef[] {
    for (const { ref, start } of stored) {
      const key = refKey(ref);
      this.#settle(key, [start]);
      this.#entries.get(key)?.output.acknowledged(start);
    }
    for (const ref of superseded) {
      const key = refKey(ref);
      this.#settle(key, [...(this.#unacknowledged.get(key)?.keys() ?? [])]);
      this.#entries.get(key)?.output.discard();
    }
    if (this.#ready.size > 0) this.#flushSoon();
    return [...superseded];
  }

  #settle(key: string, starts: readonly number[]): void {
    const pieces = this.#unacknowledged.get(key);
    for (const start of starts) {
      this.#unacknowledgedBytes -= pieces?.get(start) ?? 0;
      pieces?.delete(start);
    }
    if (pieces?.size === 0) this.#unacknowledged.delete(key);
  }

  #sent(ref: AttemptRef, { start, data }: OutputPiece): void {
    const key = refKey(ref);
    const pieces = this.#unacknowledged.get(key) ?? new Map<number, number>();
    this.#unacknowledged.set(key, pieces.set(start, (pieces.get(start) ?? 0) + data.length));
    this.#unacknowledgedBytes += data.length;
  }

  /** After the events of this turn of the event loop, so that they share a frame. */
  #flushSoon(): void {
    if (this.#send) this.#soon ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#soon = null;
    const send = this.#send;
    if (!send || this.#frameOnItsWay) return;
    const chunks = this.#nextChunks();
    if (chunks.length === 0) return;
    this.#frameOnItsWay = true;
    send({ kind: 'output', chunks }, () => {
      if (this.#send !== send) return;
      this.#frameOnItsWay = false;
      this.#flushSoon();
    });
  }

  #nextChunks(): OutputChunk[] {
    const chunks: OutputChunk[] = [];
    let frameBytes = 0;
    for (const entry of this.#ready) {
      if (chunks.length >= FRAME_CHUNKS || frameBytes >= FRAME_BYTES) break;
      if (!this.#windowHasRoom) {
        this.#heldUp();
        break;
      }
      this.#ready.delete(entry);
      const piece = entry.output.next();
      if (piece === null) continue;
      this.#full = false;
      chunks.push({ ref: entry.ref, ...piece });
      frameBytes += piece.data.length;
      this.#sent(entry.ref, piece);
      this.#ready.add(entry); // behind the others, where this loop comes to it again
    }
    return chunks;
  }

  /** The window has no room, which matters only if there is something to send. */
  #heldUp(): void {
    if (this.#full || this.#windowBytes === 0) return;
    this.#full = [...this.#ready].some(({ output }) => output.hasNext);
    if (this.#full) this.options.onBound('output_window');
  }

  /** Whichever piece is next. */
  get #windowHasRoom(): boolean {
    if (this.#windowBytes === 0) return false;
    return this.#unacknowledgedBytes === 0 || this.#unacknowledgedBytes + MAX_PIECE_BYTES <= this.#windowBytes;
  }
}
