import { describe, expect, test } from 'vitest';
import { faultsOfFields, taskOf } from './support/faults.ts';

const twice = { max_attempts: 2 };
const policy = (fields: Record<string, unknown>) => taskOf(fields).retry;

describe('retries', () => {
  test('are none, unless there is more than one attempt or another success', () => {
    expect(policy({})).toBeNull();
    expect(policy({ max_attempts: 1 })).toBeNull();
    expect(policy({ on_worker_lost: 'fail' })).toBeNull();
    expect(policy(twice)).toEqual(twice);
    expect(policy({ success_exit_codes: [3] })).toEqual({ max_attempts: 1, success_exit_codes: [3] });
  });

  test.each<Record<string, unknown>>([
    { max_attempts: 1_000 },
    { ...twice, backoff: { type: 'exponential' } },
    { ...twice, backoff: { type: 'exponential', base_ms: 300_000, factor: 1.5, jitter: 'none' } },
    { ...twice, backoff: { type: 'exponential', max_ms: 500 } },
    { ...twice, backoff: { type: 'fixed', delay_ms: 0 } },
    { ...twice, backoff: { type: 'list', delays_ms: [0, 5, 31_536_000_000] } },
    { ...twice, retry_on: [{ on: 'exit_code', codes: [0, 255, '0-255', '7-7'], max_retries: 0 }, { on: 'signal' }] },
    {
      ...twice,
      retry_on: [{ on: 'signal', signals: ['SIGKILL', 'SIGSTOP'] }, { on: 'timeout' }, { on: 'spawn_error' }],
    },
    { ...twice, success_exit_codes: [0, '10-19'] },
  ])('may be %j', (fields) => {
    expect(faultsOfFields(fields)).toEqual({});
    expect(policy(fields)).toEqual(fields);
  });

  test('after a lost worker are told apart', () => {
    expect(taskOf({}).retryLost).toBe(true);
    expect(taskOf({ on_worker_lost: 'retry' }).retryLost).toBe(true);
    expect(taskOf({ on_worker_lost: 'fail' }).retryLost).toBe(false);
  });

  const useless = 'has no use while max_attempts is 1; give a higher max_attempts, or leave it out';
  const code = 'give a whole number from 0 to 255 or a string such as "64-78"';

  test.each<[Record<string, unknown>, Record<string, string>]>([
    [{ max_attempts: 0 }, { max_attempts: 'is 0; give a whole number from 1 to 1000' }],
    [{ max_attempts: 1_001 }, { max_attempts: 'is 1001; give a whole number from 1 to 1000' }],
    [{ backoff: { type: 'fixed', delay_ms: 5 } }, { backoff: useless }],
    [{ max_attempts: 1, retry_on: [{ on: 'timeout' }] }, { retry_on: useless }],
    [
      { ...twice, backoff: 'exponential' },
      { backoff: expect.stringMatching(/^is the string "exponential"; give a JSON object such as \{"type"/) as string },
    ],
    [{ ...twice, backoff: {} }, { 'backoff.type': 'is missing; give one of exponential, fixed, list' }],
    [
      { ...twice, backoff: { type: 'expo' } },
      { 'backoff.type': '"expo" is not possible; did you mean exponential? give one of exponential, fixed, list' },
    ],
    [
      { ...twice, backoff: { type: 'exponential', factor: 0.5 } },
      { 'backoff.factor': 'is 0.5; give a number from 1 to 100' },
    ],
    [
      { ...twice, backoff: { type: 'exponential', base_ms: 500, max_ms: 100 } },
      { 'backoff.max_ms': 'is 100; give at least base_ms, which is 500' },
    ],
    [
      { ...twice, backoff: { type: 'exponential', base_ms: 300_001 } },
      { 'backoff.max_ms': 'is missing; give at least base_ms, which is 300001, since it is 300000 otherwise' },
    ],
    [
      { ...twice, backoff: { type: 'fixed', delay: 5 } },
      {
        'backoff.delay_ms': 'is missing; give a whole number from 0 to 31536000000',
        'backoff.delay': 'is not a known field; did you mean delay_ms?',
      },
    ],
    [{ ...twice, backoff: { type: 'list', delays_ms: [] } }, { 'backoff.delays_ms': 'is empty; give at least 1' }],
    [
      { ...twice, backoff: { type: 'list', delays_ms: [1, -1, 'x'] } },
      {
        'backoff.delays_ms[1]': 'is -1; give a whole number from 0 to 31536000000',
        'backoff.delays_ms[2]': 'is the string "x"; give a whole number from 0 to 31536000000',
      },
    ],
    [{ ...twice, retry_on: [] }, { retry_on: 'is empty; give at least 1' }],
    [
      { ...twice, retry_on: { on: 'timeout' } },
      { retry_on: expect.stringMatching(/^is an object; give an array such as/) as string },
    ],
    [
      { ...twice, retry_on: Array.from({ length: 17 }, () => ({ on: 'timeout' })) },
      { retry_on: 'has 17 entries; at most 16 are allowed' },
    ],
    [
      { ...twice, retry_on: [{ on: 'timeout' }, { on: 'exit' }, 'signal'] },
      {
        'retry_on[1].on':
          '"exit" is not possible; did you mean exit_code? give one of exit_code, signal, timeout, spawn_error',
        'retry_on[2]': 'is the string "signal"; give a JSON object such as {"on":"exit_code","codes":[75]}',
      },
    ],
    [
      { ...twice, retry_on: [{ on: 'exit_code' }, { on: 'timeout', codes: [1] }] },
      {
        'retry_on[0].codes': 'is missing; give an array such as [3,"64-78"]',
        'retry_on[1].codes': 'is not a known field; known fields are on, max_retries',
      },
    ],
    [
      { ...twice, retry_on: [{ on: 'exit_code', codes: [256, -1, '9-3', '1-256', '7', null] }] },
      {
        'retry_on[0].codes[0]': `is 256; ${code}`,
        'retry_on[0].codes[1]': `is -1; ${code}`,
        'retry_on[0].codes[2]': 'is a range that ends before it begins; give "3-9"',
        'retry_on[0].codes[3]':
          '"1-256" is not allowed; give a code from 0 to 255 as a number, or a range such as "64-78"',
        'retry_on[0].codes[4]': '"7" is not allowed; give a code from 0 to 255 as a number, or a range such as "64-78"',
        'retry_on[0].codes[5]': `is null; ${code}`,
      },
    ],
    [
      { ...twice, retry_on: [{ on: 'signal', signals: ['KILL'], max_retries: 1_001 }] },
      {
        'retry_on[0].signals[0]': expect.stringMatching(
          /^"KILL" is not possible; did you mean SIGKILL\? give one of/,
        ) as string,
        'retry_on[0].max_retries': 'is 1001; give a whole number from 0 to 1000',
      },
    ],
    [{ success_exit_codes: ['5-1'] }, { 'success_exit_codes[0]': 'is a range that ends before it begins; give "1-5"' }],
    [{ success_exit_codes: 0 }, { success_exit_codes: 'is the number 0; give an array such as [3,"64-78"]' }],
    [{ on_worker_lost: 'ignore' }, { on_worker_lost: '"ignore" is not possible; give one of retry, fail' }],
  ])('are refused: %j', (fields, expected) => {
    expect(faultsOfFields(fields)).toEqual(expected);
  });
});
