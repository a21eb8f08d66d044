import { Type } from 'typebox';
import type { FieldFault } from './errors.ts';
import type { FieldNamer, RawInput } from './raw-input.ts';
import { surrogateFaults } from './text-faults.ts';

/** Most bytes that a command is given to read. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024;

export const stdinFields = {
  stdin: Type.Optional(
    Type.String({
      writeOnly: true,
      description:
        `What the command reads from its standard input, in UTF-8; at most ${MAX_STDIN_BYTES} bytes. ` +
        'Default: nothing.',
      examples: ['first line\nsecond line\n'],
    }),
  ),
  stdin_base64: Type.Optional(
    Type.String({
      writeOnly: true,
      contentEncoding: 'base64',
      description: `The same for bytes of any kind, as base64; at most ${MAX_STDIN_BYTES} bytes. Instead of \`stdin\`.`,
      examples: ['AAEC/w=='],
    }),
  ),
};

export interface StdinInput {
  /** `null`: the command reads nothing. */
  readonly stdin: Buffer | null;
  readonly faults: readonly FieldFault[];
}

const NOTHING: StdinInput = { stdin: null, faults: [] };

/** What the command is to read, or what is wrong with it. */
export function readStdinInput(input: RawInput, at: FieldNamer): StdinInput {
  const { stdin: text, stdin_base64: encoded } = input;
  if (text !== undefined && encoded !== undefined) {
    return refuse(at('stdin_base64'), 'comes with stdin; give only one of the two');
  }
  if (typeof text === 'string') return readText(text, at('stdin'));
  if (typeof encoded === 'string') return readBase64(encoded, at('stdin_base64'));
  return NOTHING;
}

function readText(text: string, field: string): StdinInput {
  const faults = surrogateFaults(field, text);
  if (faults.length > 0) return { stdin: null, faults };
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_STDIN_BYTES ? tooLong(field, bytes) : accept(Buffer.from(text));
}

function readBase64(encoded: string, field: string): StdinInput {
  // Before it is decoded, which takes memory.
  const bytes = Math.floor((encoded.replace(/={1,2}$/, '').length * 3) / 4);
  if (bytes > MAX_STDIN_BYTES) return tooLong(field, bytes);
  const decoded = Buffer.from(encoded, 'base64');
  if (decoded.toString('base64') === encoded) return accept(decoded);
  return refuse(field, 'is not base64; give A-Z a-z 0-9 + / in groups of four, the last one filled up with =');
}

/** Nothing to read is nothing. */
function accept(bytes: Buffer): StdinInput {
  return bytes.length === 0 ? NOTHING : { stdin: bytes, faults: [] };
}

function tooLong(field: string, bytes: number): StdinInput {
  return refuse(field, `is ${bytes} bytes long; at most ${MAX_STDIN_BYTES} are allowed, so let the command fetch more`);
}

function refuse(field: string, message: string): StdinInput {
  return { stdin: null, faults: [{ field, message }] };
}
