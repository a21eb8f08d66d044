import { describe, expect, test } from 'vitest';
import { MAX_ARGUMENTS, MAX_COMMAND_BYTES } from '../../src/domain/command-input.ts';
import { normaliseTask } from '../../src/domain/task-input.ts';
import { faults } from './support/faults.ts';

describe('what to run', () => {
  test('is a command or an argv, as it was given', () => {
    expect(normaliseTask({ command: ' echo\n' })).toMatchObject({ task: { command: ' echo\n', argv: null } });
    const argv = ['printf', '%s', '', 'a b', '"', "'", '✓'];
    expect(normaliseTask({ argv })).toMatchObject({ task: { command: null, argv } });
  });

  test.each([
    [{}, { command: 'is missing; give a string such as "echo hello", or a program and its arguments in argv' }],
    [{ command: 'true', argv: ['true'] }, { argv: 'comes with command; give only one of the two' }],
    [{ command: '' }, { command: 'is empty; give a string such as "echo hello"' }],
    [{ command: 5 }, { command: 'is the number 5; give a string such as "echo hello"' }],
    [
      { command: null, argv: ['true'] },
      { command: 'is null; give a string such as "echo hello"', argv: 'comes with command; give only one of the two' },
    ],
    [{ command: ['a'] }, { command: 'is an array; give a string such as "echo hello"' }],
    [{ command: 'a\0b' }, { command: 'contains a NUL character; remove it' }],
    [{ argv: [] }, { argv: 'is empty; give at least 1' }],
    [{ argv: 'ls -l' }, { argv: 'is the string "ls -l"; give an array such as ["printf","%s\\n","hello"]' }],
    [{ argv: ['', 'x'] }, { 'argv[0]': 'is empty; give the program to run' }],
    [
      { argv: ['a', 5, 'b\0', null, '\ud800'] },
      {
        'argv[1]': 'is the number 5; give a string such as "hello"',
        'argv[2]': 'contains a NUL character; remove it',
        'argv[3]': 'is null; give a string such as "hello"',
        'argv[4]': 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8',
      },
    ],
  ])('is refused: %j', (value, expected) => {
    expect(faults(value)).toEqual(expected);
  });

  test('is bounded, in bytes of UTF-8', () => {
    expect(faults({ command: 'x'.repeat(MAX_COMMAND_BYTES) })).toEqual({});
    expect(faults({ command: 'é'.repeat(MAX_COMMAND_BYTES / 2 + 1) }).command).toMatch(/is 102402 bytes long; at most/);
    const half = 'é'.repeat(MAX_COMMAND_BYTES / 4);
    expect(faults({ argv: [half, half] })).toEqual({});
    expect(faults({ argv: [half, half, 'x'] })).toEqual({
      argv: 'is 102401 bytes long; at most 102400 are allowed, so put longer ones in a script',
    });
    expect(faults({ argv: Array.from({ length: MAX_ARGUMENTS }, () => 'x') })).toEqual({});
    expect(faults({ argv: Array.from({ length: MAX_ARGUMENTS + 1 }, () => '') })).toEqual({
      argv: 'has 10001 entries; at most 10000 are allowed',
    });
  });

  test('is refused when UTF-8 cannot say it', () => {
    expect(faults({ command: 'echo \ud83d' }).command).toMatch(/half of a surrogate pair/);
    expect(faults({ command: 'echo \u{1f600}' })).toEqual({});
  });
});
