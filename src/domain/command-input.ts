import { Type } from 'typebox';
import type { FieldFault } from './errors.ts';
import { entryPath } from './field-path.ts';
import { isList, type FieldNamer, type RawInput } from './raw-input.ts';
import { textFaults } from './text-faults.ts';

/** Longest command, and longest argv in all, in bytes of UTF-8. Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN). */
export const MAX_COMMAND_BYTES = 102_400;
export const MAX_ARGUMENTS = 10_000;

export const commandFields = {
  command: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        `Run through \`sh -c\`, or another \`shell\`. At most ${MAX_COMMAND_BYTES} bytes of UTF-8, no NUL. ` +
        'Either this or `argv`.',
      examples: ['echo hello'],
    }),
  ),
  argv: Type.Optional(
    Type.Array(Type.String({ examples: ['hello'] }), {
      minItems: 1,
      maxItems: MAX_ARGUMENTS,
      description:
        'A program and its arguments, run without a shell, so that nothing in them needs quoting. The program is ' +
        `looked for in PATH, unless it is a path. At most ${MAX_COMMAND_BYTES} bytes of UTF-8 in all, no NUL.`,
      examples: [['printf', '%s\n', 'hello']],
    }),
  ),
};

/** Exactly one of the two is given, and can be stored and run. */
export function commandFaults({ command, argv }: RawInput, at: FieldNamer): FieldFault[] {
  const faults: FieldFault[] = [];
  if (command === undefined && argv === undefined) {
    const message = 'is missing; give a string such as "echo hello", or a program and its arguments in argv';
    faults.push({ field: at('command'), message });
  }
  if (command !== undefined && argv !== undefined) {
    faults.push({ field: at('argv'), message: 'comes with command; give only one of the two' });
  }
  if (typeof command === 'string') {
    const field = at('command');
    faults.push(...textFaults(field, command));
    faults.push(...lengthFaults(field, Buffer.byteLength(command)));
  }
  if (isList(argv)) faults.push(...argvFaults(argv, at('argv')));
  return faults;
}

function argvFaults(argv: readonly unknown[], field: string): FieldFault[] {
  // The schema says that these are too many.
  if (argv.length > MAX_ARGUMENTS) return [];
  const faults: FieldFault[] = [];
  let bytes = 0;
  for (const [i, argument] of argv.entries()) {
    if (typeof argument !== 'string') continue;
    bytes += Buffer.byteLength(argument);
    faults.push(...textFaults(entryPath(field, i), argument));
  }
  if (argv[0] === '') faults.push({ field: entryPath(field, 0), message: 'is empty; give the program to run' });
  return [...faults, ...lengthFaults(field, bytes)];
}

function lengthFaults(field: string, bytes: number): FieldFault[] {
  if (bytes <= MAX_COMMAND_BYTES) return [];
  const message = `is ${bytes} bytes long; at most ${MAX_COMMAND_BYTES} are allowed, so put longer ones in a script`;
  return [{ field, message }];
}
