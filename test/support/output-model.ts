import type { OutputPiece } from '../../src/domain/output.ts';
import { endOf, runsOf, type OutputStream } from '../../src/domain/output-slice.ts';

/** The pieces of one attempt as PostgreSQL should keep them. */
export class OutputModel {
  #pieces: OutputPiece[] = [];

  /** By position. */
  get pieces(): readonly OutputPiece[] {
    return this.#pieces;
  }

  store(piece: OutputPiece): void {
    const { data, replacesFrom, start } = piece;
    if (replacesFrom !== null) this.#pieces = this.#pieces.filter((stored) => stored.start < replacesFrom);
    const same = this.#pieces.find((stored) => stored.start === start);
    if (same !== undefined && same.data.length >= data.length) return;
    const others = this.#pieces.filter((stored) => stored !== same);
    this.#pieces = [...others, { ...piece, replacesFrom: null }].sort((a, b) => a.start - b.start);
  }

  /** Where there are bytes: from where to where, adjacent pieces joined. */
  get ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    for (const piece of this.#pieces) {
      const newest = ranges.at(-1);
      if (newest?.[1] === piece.start) newest[1] = endOf(piece);
      else ranges.push([piece.start, endOf(piece)]);
    }
    return ranges;
  }
}

/** What was written, as it was read. */
export class Written {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #ends: { readonly stream: OutputStream; readonly end: number }[] = [];

  add(stream: OutputStream, bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#ends.push({ stream, end: this.#bytes.length });
  }

  get total(): number {
    return this.#bytes.length;
  }

  /** What went to a stream up to a position. */
  countOf(stream: OutputStream, upTo: number): number {
    let before = 0;
    let count = 0;
    for (const write of this.#ends) {
      if (write.stream === stream) count += Math.max(0, Math.min(write.end, upTo) - before);
      before = write.end;
    }
    return count;
  }

  /** What is wrong with a piece; `null`: nothing. */
  faultOf(piece: OutputPiece): string | null {
    if (piece.start + piece.data.length !== endOf(piece)) return 'its ends do not add up';
    if (!piece.data.equals(this.#bytes.subarray(piece.start, endOf(piece)))) return 'its bytes are others';
    for (const stream of ['stdout', 'stderr'] as const) {
      let at = this.countOf(stream, piece.start);
      for (const run of runsOf(piece)) {
        if (run.stream !== stream) continue;
        if (this.countOf(stream, run.start) !== at) return `its ${stream} begins elsewhere`;
        at += run.bytes.length;
        if (this.countOf(stream, run.start + run.bytes.length) !== at) return `its ${stream} is not all of ${stream}`;
      }
      if (at !== (stream === 'stdout' ? piece.stdoutEnd : piece.stderrEnd)) return `its end of ${stream} is wrong`;
    }
    return null;
  }
}
