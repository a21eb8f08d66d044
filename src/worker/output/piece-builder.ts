import type { OutputPiece } from '../../domain/output.ts';
import { MAX_PIECE_BYTES, type OutputStream } from '../../domain/output-slice.ts';

/** Bounds what a piece costs beside its bytes, when two streams are written in turn. */
const MAX_SEGMENTS = 4_096;

/** A piece that grows until it is full. Takes memory only for what it has. */
export class PieceBuilder {
  #data: Buffer = Buffer.alloc(0);
  #length = 0;
  readonly #segments: number[] = [];

  constructor(
    private readonly start: number,
    private stdoutEnd: number,
    private stderrEnd: number,
  ) {}

  get length(): number {
    return this.#length;
  }

  /** Position of its end. */
  get end(): number {
    return this.stdoutEnd + this.stderrEnd;
  }

  get isFull(): boolean {
    return this.#length >= MAX_PIECE_BYTES;
  }

  /** Takes of the beginning of `bytes` what fits, and says how much; 0: it is full. The bytes must not change later. */
  append(stream: OutputStream, bytes: Buffer): number {
    const taken = Math.min(bytes.length, MAX_PIECE_BYTES - this.#length);
    if (taken <= 0 || !this.#count(stream, taken)) return 0;
    const part = bytes.subarray(0, taken);
    if (this.#length === 0) {
      this.#data = part;
    } else {
      this.#reserve(this.#length + taken);
      part.copy(this.#data, this.#length);
    }
    this.#length += taken;
    return taken;
  }

  toPiece(): OutputPiece {
    return {
      start: this.start,
      data: this.#data.subarray(0, this.#length),
      segments: [...this.#segments],
      stdoutEnd: this.stdoutEnd,
      stderrEnd: this.stderrEnd,
      replacesFrom: null,
    };
  }

  /** `false`: one more change of stream would be too many. */
  #count(stream: OutputStream, bytes: number): boolean {
    const isStdout = stream === 'stdout';
    const newest = this.#segments.at(-1);
    if (newest !== undefined && newest > 0 === isStdout) {
      this.#segments[this.#segments.length - 1] = newest + (isStdout ? bytes : -bytes);
    } else {
      if (this.#segments.length >= MAX_SEGMENTS) return false;
      this.#segments.push(isStdout ? bytes : -bytes);
    }
    if (isStdout) this.stdoutEnd += bytes;
    else this.stderrEnd += bytes;
    return true;
  }

  /** What was handed in first is never written to: it has no room to spare, so it is copied. */
  #reserve(bytes: number): void {
    if (bytes <= this.#data.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(MAX_PIECE_BYTES, Math.max(bytes, 2 * this.#data.length)));
    this.#data.copy(grown, 0, 0, this.#length);
    this.#data = grown;
  }
}
