import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_FAULTS } from '../../src/domain/errors.ts';
import { normaliseTask } from '../../src/domain/task-input.ts';
import { faults, faultsOfFields } from './support/faults.ts';
import { anyInput, FIELDS, validInput } from './support/inputs.ts';

const EXAMPLE = '{"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}';

describe('normaliseTask', () => {
  test('fills in what is left out', () => {
    expect(normaliseTask({ command: 'true' })).toEqual({
      ok: true,
      task: {
        command: 'true',
        argv: null,
        options: {},
        secretEnv: null,
        stdin: null,
        retry: null,
        retryLost: true,
        totalTimeoutMs: null,
        scheduledAt: null,
        startDeadline: null,
        queue: 'default',
        labels: {},
        lane: 'default',
        priority: 0,
        idempotencyKey: null,
      },
    });
  });

  test('keeps what is given', () => {
    const options = {
      shell: 'bash',
      env: { STAGE: 'test' },
      cwd: '/var/tmp',
      umask: '027',
      user: 'nobody',
      timeout_ms: 60_000,
      warn_signal: 'SIGUSR1',
      warn_before_ms: 10_000,
      stop_signal: 'SIGINT',
      grace_ms: 0,
      background: 'allow',
      merge_stderr: true,
      output_limit_bytes: 0,
      on_output_limit: 'kill',
      limits: { memory_bytes: 1_000_000, open_files: 10, processes: 5, cpu_seconds: 1 },
      nice: 19,
    };
    const retry = {
      max_attempts: 3,
      backoff: { type: 'list', delays_ms: [0, 1_000] },
      retry_on: [{ on: 'exit_code', codes: [75, '64-70'], max_retries: 1 }, { on: 'timeout' }],
      success_exit_codes: [0, 3],
    };
    const given = {
      command: 'echo "$HOME"\n',
      scheduled_at: '2030-01-31T10:00:00+01:00',
      start_deadline: '2030-01-31T10:00:00Z',
      total_timeout_ms: 600_000,
      queue: 'gpu',
      priority: -7,
      labels: { type: 'a100', region: 'eu' },
      idempotency_key: 'order 17 ✓',
      ...options,
      secret_env: { API_TOKEN: 'abc' },
      stdin: 'line\n',
      ...retry,
      on_worker_lost: 'fail',
    };
    // Every field but the two that have another one in their place.
    expect(FIELDS.filter((field) => !(field in given))).toEqual(['argv', 'stdin_base64']);
    expect(normaliseTask(given)).toEqual({
      ok: true,
      task: {
        command: given.command,
        argv: null,
        options,
        secretEnv: given.secret_env,
        stdin: Buffer.from('line\n'),
        retry,
        retryLost: false,
        totalTimeoutMs: 600_000,
        scheduledAt: new Date('2030-01-31T09:00:00Z'),
        startDeadline: new Date('2030-01-31T10:00:00Z'),
        queue: 'gpu',
        labels: given.labels,
        lane: 'gpu,region=eu,type=a100',
        priority: -7,
        idempotencyKey: given.idempotency_key,
      },
    });
  });

  test('takes every input without a fault', () => {
    fc.assert(
      fc.property(validInput, (value) => {
        expect(faults(value)).toEqual({});
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [undefined, { body: `is missing; give a JSON object such as ${EXAMPLE}` }],
    [null, { body: `is null; give a JSON object such as ${EXAMPLE}` }],
    [[], { body: `is an array; give a JSON object such as ${EXAMPLE}` }],
    ['x', { body: `is the string "x"; give a JSON object such as ${EXAMPLE}` }],
    [
      { command: 'true', scheduled_at: null },
      { scheduled_at: 'is null; give a string such as "2030-01-31T09:00:00Z"' },
    ],
    [{ command: 'true', priority: '1' }, { priority: 'is the string "1"; give a whole number from -100 to 100' }],
    [{ command: 'true', priority: 1.5 }, { priority: 'is the number 1.5; give a whole number from -100 to 100' }],
    [
      { command: 'true', priority: Infinity },
      { priority: 'is the number Infinity; give a whole number from -100 to 100' },
    ],
    [{ command: 'true', priority: 101 }, { priority: 'is 101; give a whole number from -100 to 100' }],
    [{ command: 'true', labels: [] }, { labels: 'is an array; give a JSON object such as {"region":"eu"}' }],
    [{ command: 'true', labels: { region: 5 } }, { 'labels.region': 'is the number 5; give a string' }],
    [{ command: 'true', idempotency_key: '' }, { idempotency_key: 'is empty; give a string' }],
    [
      { command: 'true', idempotency_key: 'k'.repeat(256) },
      { idempotency_key: 'is 256 characters long; at most 255 are allowed' },
    ],
    [{ command: 'true', idempotency_key: 'a\0b' }, { idempotency_key: 'contains a NUL character; remove it' }],
  ])('says what is wrong with %j', (value, expected) => {
    expect(faults(value)).toEqual(expected);
  });

  test('says which characters a name may have, for names of labels, too', () => {
    const found = faultsOfFields({ queue: 'a b', labels: { 'a=b': 'x', region: '' } });
    expect(Object.keys(found).sort()).toEqual(['labels.a=b', 'labels.region', 'queue']);
    for (const message of Object.values(found)) expect(message).toMatch(/give 1 to 63 characters of A-Z a-z 0-9/);
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'v']));
    expect(faultsOfFields({ labels: many }).labels).toBe('has 17 entries; at most 16 are allowed');
  });

  test.each([
    ['schedule_at', 'scheduled_at'],
    ['timeout', 'timeout_ms'],
    ['ENV', 'env'],
    ['secretEnv', 'secret_env'],
    ['retries', 'retry_on'],
    ['succes_exit_code', 'success_exit_codes'],
  ])('takes %s for a misspelt %s, if anything', (given, meant) => {
    const message = faultsOfFields({ [given]: 1 })[given];
    if (given === 'retries')
      expect(message).toMatch(/^is not a known field; known fields are command, argv, .*, on_worker_lost$/);
    else expect(message).toBe(`is not a known field; did you mean ${meant}?`);
  });

  test('treats the names of what every object has as it treats other names', () => {
    const value: unknown = JSON.parse('{"command":"true","__proto__":{"queue":"x"},"constructor":1}');
    expect(Object.keys(faults(value)).sort()).toEqual(['__proto__', 'constructor']);
    const nested: unknown = JSON.parse('{"command":"true","labels":{"__proto__":"x","toString":"y"}}');
    expect(Object.keys(faults(nested))).toEqual(['labels.__proto__']);
  });

  test('reports all faults at once, those of form and those of content, under the name of the value', () => {
    const value = {
      command: 'a\0',
      scheduled_at: '2030-02-30',
      priority: 1000,
      foo: 1,
      env: { HYDRA_X: 'x' },
      retry_on: [{ on: 'exit_code', codes: [1, 'x'] }],
    };
    expect(Object.keys(faults(value, 'tasks[3]')).sort()).toEqual([
      'tasks[3].command',
      'tasks[3].env.HYDRA_X',
      'tasks[3].foo',
      'tasks[3].priority',
      'tasks[3].retry_on',
      'tasks[3].retry_on[0].codes[1]',
      'tasks[3].scheduled_at',
    ]);
    expect(faults(7, 'tasks[3]')).toEqual({
      'tasks[3]': expect.stringMatching(/^is the number 7; give a JSON object/) as string,
    });
  });

  test('reports no more than anybody reads', () => {
    const argv = Array.from({ length: 5_000 }, () => '\0');
    const env = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`HYDRA_${i}`, '\0']));
    const normalised = normaliseTask({ argv, env });
    expect(normalised.ok ? [] : normalised.faults).toHaveLength(MAX_FAULTS);
  });

  test('repeats no more than a part of what was sent', () => {
    const long = 'k'.repeat(1_000_000);
    const found = faultsOfFields({ queue: long, cwd: long, [long]: 1, env: { [long]: '\0' }, stop_signal: long });
    expect(Object.keys(found)).toHaveLength(6);
    expect(JSON.stringify(found).length).toBeLessThan(4_000);
  });

  test('never throws, whatever it is given, and takes nothing that could not be stored', () => {
    fc.assert(
      fc.property(anyInput, (value) => {
        const normalised = normaliseTask(value);
        if (normalised.ok) {
          expect(JSON.stringify({ ...normalised.task, stdin: null })).not.toMatch(/\\u0000|\\ud[89a-f]/);
        } else {
          expect(normalised.faults.length).toBeGreaterThan(0);
          for (const { field, message } of normalised.faults) {
            expect(field).not.toBe('');
            // In Hydra's words, not in those of JSON Schema.
            expect(message).toMatch(/^("|is |has |contains |comes )/);
            expect(message).not.toMatch(/another value|must |schema|anyOf/);
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('looks no deeper than it must into what is nested deeper than the stack', () => {
    let deep: unknown = 'x';
    for (let i = 0; i < 100_000; i++) deep = [deep];
    const found = faults({ command: deep, argv: deep, env: deep, backoff: deep, retry_on: deep, stdin: deep });
    expect(found.command).toBe('is an array; give a string such as "echo hello"');
    expect(found['retry_on[0]']).toMatch(/^is an array; give a JSON object/);
  });
});
