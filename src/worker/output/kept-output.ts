import type { OutputPiece } from '../../domain/output.ts';
import { slicePiece, type OutputStream } from '../../domain/output-slice.ts';
import { PieceBuilder } from './piece-builder.ts';

/**
 * What is kept of an attempt's output: the first half of the limit, until it is taken to be sent, and always the last
 * half of what came after. Takes memory for what there is, and at most a piece more than the limit.
 */
export class KeptOutput {
  /** Bytes from the beginning that belong to the head. */
  readonly headLimit: number;
  readonly tailLimit: number;
  #stdout = 0;
  #stderr = 0;
  #head: PieceBuilder[] = [];
  #tail: PieceBuilder[] = [];
  #tailBytes = 0;

  constructor(limitBytes: number) {
    this.headLimit = Math.floor(limitBytes / 2);
    this.tailLimit = limitBytes - this.headLimit;
  }

  /** Position of the end: all bytes that were written, kept or not. */
  get total(): number {
    return this.#stdout + this.#stderr;
  }

  get heldBytes(): number {
    return this.#head.reduce((sum, piece) => sum + piece.length, 0) + this.#tailBytes;
  }

  get hasHead(): boolean {
    return this.#head.length > 0;
  }

  /** A piece of the head will not grow any more. */
  get hasFullHead(): boolean {
    const [oldest, ...others] = this.#head;
    if (oldest === undefined) return false;
    return others.length > 0 || oldest.isFull || this.total >= this.headLimit;
  }

  /** Where the last half begins; {@link headLimit} as long as nothing was dropped. */
  get tailStart(): number {
    return Math.max(this.headLimit, this.total - this.tailLimit);
  }

  append(stream: OutputStream, bytes: Buffer): void {
    const headRoom = Math.max(0, this.headLimit - this.total);
    if (headRoom > 0) this.#add(this.#head, stream, bytes.subarray(0, headRoom));
    const rest = bytes.subarray(headRoom);
    if (rest.length === 0) return;
    const skipped = Math.max(0, rest.length - this.tailLimit);
    if (skipped > 0) {
      this.#clearTail();
      this.#count(stream, skipped);
    }
    this.#tailBytes += rest.length - skipped;
    this.#add(this.#tail, stream, rest.subarray(skipped));
    for (let oldest = this.#tail[0]; oldest !== undefined; oldest = this.#tail[0]) {
      if (this.#tailBytes - oldest.length < this.tailLimit) break;
      this.#tailBytes -= oldest.length;
      this.#tail.shift();
    }
  }

  /** The oldest piece of the head, even if it could grow, which is then not kept any more. */
  takeHead(): OutputPiece | null {
    return this.#head.shift()?.toPiece() ?? null;
  }

  /** What is kept of the tail from this position on. */
  tailFrom(position: number): OutputPiece[] {
    const from = Math.max(position, this.tailStart);
    return this.#tail.filter(({ end }) => end > from).map((builder) => slicePiece(builder.toPiece(), from));
  }

  /** A piece without bytes that says how much was written. */
  end(): OutputPiece {
    return {
      start: this.total,
      data: Buffer.alloc(0),
      segments: [],
      stdoutEnd: this.#stdout,
      stderrEnd: this.#stderr,
      replacesFrom: null,
    };
  }

  /** Lets go of the bytes. The totals stay. */
  clear(): void {
    this.#head = [];
    this.#clearTail();
  }

  #add(pieces: PieceBuilder[], stream: OutputStream, bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0;) {
      let taken = pieces.at(-1)?.append(stream, rest) ?? 0;
      if (taken === 0) {
        const next = new PieceBuilder(this.total, this.#stdout, this.#stderr);
        pieces.push(next);
        taken = next.append(stream, rest);
      }
      this.#count(stream, taken);
      rest = rest.subarray(taken);
    }
  }

  #count(stream: OutputStream, bytes: number): void {
    if (stream === 'stdout') this.#stdout += bytes;
    else this.#stderr += bytes;
  }

  #clearTail(): void {
    this.#tail = [];
    this.#tailBytes = 0;
  }
}
