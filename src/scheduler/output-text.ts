import { isUtf8 } from 'node:buffer';
import type { StreamOutput } from '../db/get-output.ts';

/** The first bytes of an output as JSON can carry them. */
export interface OutputText {
  /** As `encoding` says. */
  readonly text: string;
  readonly encoding: 'utf-8' | 'base64';
  /** All that was written, kept or not. */
  readonly bytes: number;
  /** Only the first part was kept. */
  readonly truncated: boolean;
}

/** Longest encoding of a character in UTF-8. */
const MAX_CHARACTER_BYTES = 4;

export function isTruncated(output: StreamOutput): boolean {
  return output.totalBytes > output.kept.length;
}

/** What can be read is text; anything else is base64. A character that was cut in two at the end is left out. */
export function toOutputText(output: StreamOutput): OutputText {
  const truncated = isTruncated(output);
  const rest = { bytes: output.totalBytes, truncated };
  const whole = truncated ? withoutPartialCharacter(output.kept) : output.kept;
  if (isUtf8(whole)) return { text: whole.toString('utf8'), encoding: 'utf-8', ...rest };
  return { text: output.kept.toString('base64'), encoding: 'base64', ...rest };
}

function withoutPartialCharacter(bytes: Buffer): Buffer {
  for (let cut = 0; cut < MAX_CHARACTER_BYTES && cut < bytes.length; cut++) {
    const byte = bytes[bytes.length - 1 - cut] ?? 0;
    const isContinuation = (byte & 0b1100_0000) === 0b1000_0000;
    if (isContinuation) continue;
    const length = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1;
    return cut + 1 < length ? bytes.subarray(0, bytes.length - 1 - cut) : bytes;
  }
  return bytes;
}
