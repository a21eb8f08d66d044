/** A piece of what an attempt wrote. Positions count all bytes it wrote, both streams together, dropped ones included. */
export interface OutputPiece {
  /** Position of its first byte. */
  readonly start: number;
  readonly data: Buffer;
  /** Lengths in turn: above 0 of stdout, below 0 of stderr. */
  readonly segments: readonly number[];
  /** Bytes written to each stream up to the end of this piece; their sum is the position of its end. */
  readonly stdoutEnd: number;
  readonly stderrEnd: number;
  /** Earlier pieces from this position on are removed first; `null`: none. */
  readonly replacesFrom: number | null;
}
