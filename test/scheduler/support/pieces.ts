import type { OutputPiece } from '../../../src/domain/output.ts';

export interface PieceSeed {
  readonly out?: string | Buffer;
  readonly err?: string | Buffer;
  /** Instead of a piece: so many bytes of each stream were not kept. */
  readonly dropped?: { readonly out?: number; readonly err?: number };
}

/** What a command wrote in turn, as pieces of one output; of each piece stdout comes first. */
export function piecesOf(...seeds: readonly PieceSeed[]): OutputPiece[] {
  let stdoutEnd = 0;
  let stderrEnd = 0;
  return seeds.flatMap(({ out = '', err = '', dropped }) => {
    const start = stdoutEnd + stderrEnd;
    if (dropped !== undefined) {
      stdoutEnd += dropped.out ?? 0;
      stderrEnd += dropped.err ?? 0;
      return [];
    }
    const [stdout, stderr] = [Buffer.from(out), Buffer.from(err)];
    stdoutEnd += stdout.length;
    stderrEnd += stderr.length;
    const segments = [stdout.length, -stderr.length].filter((length) => length !== 0);
    return [{ start, data: Buffer.concat([stdout, stderr]), segments, stdoutEnd, stderrEnd, replacesFrom: null }];
  });
}
