import type { OutputPiece } from '../../../src/domain/output.ts';
import { endOf, runsOf } from '../../../src/domain/output-slice.ts';

/** What a command wrote, put together from pieces as they were sent. */
export interface Written {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Both in the order in which they were read, as text. */
  readonly text: string;
  /** Bytes that were written to both, kept or not. */
  readonly totalBytes: number;
}

/** `pieces` in the order in which they came; some may have come twice. */
export function assemble(pieces: readonly OutputPiece[]): Written {
  const kept = new Map<number, OutputPiece>();
  for (const piece of pieces) {
    const { replacesFrom } = piece;
    if (replacesFrom !== null) for (const start of [...kept.keys()]) if (start >= replacesFrom) kept.delete(start);
    kept.set(piece.start, piece);
  }
  const inOrder = [...kept.values()].sort((a, b) => a.start - b.start);
  const runs = inOrder.flatMap(runsOf);
  const of = (stream: string) => Buffer.concat(runs.filter((run) => run.stream === stream).map(({ bytes }) => bytes));
  const last = inOrder.at(-1);
  return {
    stdout: of('stdout'),
    stderr: of('stderr'),
    text: Buffer.concat(runs.map(({ bytes }) => bytes)).toString(),
    totalBytes: last ? endOf(last) : 0,
  };
}
