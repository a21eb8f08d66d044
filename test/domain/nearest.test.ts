import { describe, expect, test } from 'vitest';
import { nearest } from '../../src/domain/nearest.ts';

const WORDS = ['timeout_ms', 'total_timeout_ms', 'env', 'SIGTERM', 'SIGINT', 'exponential', 'list'];

describe('nearest', () => {
  test.each([
    ['timeout_m', 'timeout_ms'],
    ['timeoutms', 'timeout_ms'],
    ['sigterm', 'SIGTERM'],
    ['exponentail', 'exponential'],
    ['lists', 'list'],
  ])('finds what was misspelt: %s', (word, meant) => {
    expect(nearest(word, WORDS)).toBe(meant);
  });

  test.each([
    ['timeout', 'timeout_ms'],
    ['TERM', 'SIGTERM'],
    ['int', 'SIGINT'],
    ['expo', 'exponential'],
  ])('finds what was cut short: %s', (word, meant) => {
    expect(nearest(word, WORDS)).toBe(meant);
  });

  test.each(['', 'x', 'ms', 'colour', 'timeout_seconds', 'x'.repeat(100_000)])('guesses nothing for %j', (word) => {
    expect(nearest(word, WORDS)).toBeUndefined();
  });
});
