import { describe, expect, test } from 'vitest';
import { STOP_SIGNALS, WARN_SIGNALS } from '../../src/domain/run-options-input.ts';
import { faults, faultsOfFields, taskOf } from './support/faults.ts';

const YEAR_MS = 31_536_000_000;

describe('the options of a run', () => {
  test('are those that were given, and no others', () => {
    expect(taskOf({}).options).toEqual({});
    expect(taskOf({ priority: 3, nice: 0, merge_stderr: false, env: {} }).options).toEqual({
      nice: 0,
      merge_stderr: false,
      env: {},
    });
  });

  test.each<Record<string, unknown>>([
    { shell: 'bash' },
    { shell: '/bin/my shell' },
    { cwd: '/' },
    { umask: '000' },
    { umask: '777' },
    { user: '_www' },
    { user: 'Deploy.bot-2' },
    { timeout_ms: 1 },
    { timeout_ms: YEAR_MS },
    { timeout_ms: 2, warn_signal: 'SIGUSR2', warn_before_ms: 1 },
    { stop_signal: 'SIGKILL' },
    { grace_ms: 0 },
    { grace_ms: 3_600_000 },
    { output_limit_bytes: 0, on_output_limit: 'kill' },
    { output_limit_bytes: 16 * 1024 * 1024 },
    { limits: { cpu_seconds: 1 } },
    { limits: { memory_bytes: 2 ** 50, open_files: 2 ** 20, processes: 2 ** 22, cpu_seconds: YEAR_MS / 1000 } },
    { nice: -20 },
  ])('may be %j', (fields) => {
    expect(faultsOfFields(fields)).toEqual({});
    expect(taskOf(fields).options).toEqual(fields);
  });

  test.each<[Record<string, unknown>, Record<string, string>]>([
    [
      { shell: 'bash -e' },
      { shell: '"bash -e" is not allowed; give a program without arguments, such as bash or /bin/bash' },
    ],
    [{ shell: '' }, { shell: '"" is not allowed; give a program without arguments, such as bash or /bin/bash' }],
    [{ shell: '/bin/\0' }, { shell: 'contains a NUL character; remove it' }],
    [{ cwd: 'tmp' }, { cwd: '"tmp" is not allowed; give an absolute path, such as /var/tmp' }],
    [{ cwd: `/${'x'.repeat(4_096)}` }, { cwd: 'is 4097 characters long; at most 4096 are allowed' }],
    [{ cwd: '/\ud800' }, { cwd: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8' }],
    [{ umask: 22 }, { umask: 'is the number 22; give a string such as "027"' }],
    [{ umask: '0778' }, { umask: '"0778" is not allowed; give three octal digits, such as 027' }],
    [{ user: '1000' }, { user: '"1000" is not allowed; give the name of a user, such as nobody' }],
    [{ user: '-u root' }, { user: '"-u root" is not allowed; give the name of a user, such as nobody' }],
    [{ timeout_ms: 0 }, { timeout_ms: 'is 0; give a whole number from 1 to 31536000000 such as 60000' }],
    [
      { timeout_ms: YEAR_MS + 1 },
      { timeout_ms: 'is 31536000001; give a whole number from 1 to 31536000000 such as 60000' },
    ],
    [
      { timeout_ms: '5s' },
      { timeout_ms: 'is the string "5s"; give a whole number from 1 to 31536000000 such as 60000' },
    ],
    [{ grace_ms: 3_600_001 }, { grace_ms: 'is 3600001; give a whole number from 0 to 3600000' }],
    [{ background: 'keep' }, { background: '"keep" is not possible; give one of kill, allow' }],
    [{ merge_stderr: 1 }, { merge_stderr: 'is the number 1; give true or false' }],
    [
      { output_limit_bytes: 2 ** 24 + 1 },
      { output_limit_bytes: 'is 16777217; give a whole number from 0 to 16777216' },
    ],
    [
      { on_output_limit: 'trunc' },
      { on_output_limit: '"trunc" is not possible; did you mean truncate? give one of truncate, kill' },
    ],
    [{ limits: {} }, { limits: 'is empty; give at least 1' }],
    [{ limits: { memory: 1 } }, { 'limits.memory': 'is not a known field; did you mean memory_bytes?' }],
    [{ limits: { processes: 0 } }, { 'limits.processes': 'is 0; give a whole number from 1 to 4194304' }],
    [{ nice: 20 }, { nice: 'is 20; give a whole number from -20 to 19' }],
  ])('may not be %j', (fields, expected) => {
    expect(faultsOfFields(fields)).toEqual(expected);
  });

  test('are refused a shell for what is run without one', () => {
    expect(faults({ argv: ['true'], shell: 'bash' })).toEqual({
      shell: 'has no use with argv, which runs without a shell; leave it out',
    });
  });
});

describe('the signals', () => {
  test('ask a command to end; a warning is none that it cannot answer', () => {
    expect(STOP_SIGNALS).toEqual(expect.arrayContaining(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGWINCH']));
    expect(WARN_SIGNALS).toEqual(STOP_SIGNALS.filter((signal) => signal !== 'SIGKILL'));
    for (const signal of ['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT', 'SIGCHLD']) {
      expect(faultsOfFields({ stop_signal: signal }).stop_signal).toMatch(
        /^"SIG\w+" is not possible; .*give one of SIGHUP/,
      );
    }
    expect(faultsOfFields({ warn_signal: 'SIGKILL', warn_before_ms: 1, timeout_ms: 2 })).toHaveProperty('warn_signal');
    expect(faultsOfFields({ stop_signal: 'term' }).stop_signal).toContain('did you mean SIGTERM?');
  });
});

describe('a warning', () => {
  test.each<[Record<string, unknown>, Record<string, string>]>([
    [
      { warn_signal: 'SIGUSR1', timeout_ms: 5 },
      { warn_before_ms: 'is missing; say how long before the timeout warn_signal is to come' },
    ],
    [
      { warn_before_ms: 4, timeout_ms: 5 },
      { warn_signal: 'is missing; say which signal is to come warn_before_ms before the timeout' },
    ],
    [
      { warn_before_ms: 4 },
      {
        warn_signal: 'is missing; say which signal is to come warn_before_ms before the timeout',
        timeout_ms: 'is missing; without it there is nothing to warn of',
      },
    ],
    [
      { warn_signal: 'SIGUSR1', warn_before_ms: 5, timeout_ms: 5 },
      { warn_before_ms: 'is 5; give less than timeout_ms, which is 5' },
    ],
  ])('is refused in part: %j', (fields, expected) => {
    expect(faultsOfFields(fields)).toEqual(expected);
  });
});
