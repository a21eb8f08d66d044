import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestPauseMs, registrationTimeoutMs, surveyTimeoutMs } from '../../src/worker/patience.ts';

test('with nothing to keep it waits for as long as it is worth', () => {
  expect([surveyTimeoutMs(Infinity), registrationTimeoutMs(Infinity), longestPauseMs(Infinity)]).toEqual([
    2_000,
    10_000,
    Infinity,
  ]);
});

test('of a lease of 15 s', () => {
  expect([surveyTimeoutMs(14_000), registrationTimeoutMs(14_000), longestPauseMs(9_000)]).toEqual([
    2_000, 7_000, 3_000,
  ]);
});

test('after a pause and a survey a third of what was left is left yet, while there is time at all', () => {
  fc.assert(
    fc.property(fc.integer({ min: 600, max: 60_000 }), (leftMs) => {
      expect(leftMs - longestPauseMs(leftMs) - surveyTimeoutMs(leftMs)).toBeGreaterThanOrEqual(leftMs / 3 - 1e-6);
    }),
  );
});

test('nothing is hurried so much that it could not succeed', () => {
  expect([surveyTimeoutMs(0), registrationTimeoutMs(0), longestPauseMs(0)]).toEqual([200, 1_000, 50]);
});
