import { expect, test } from 'vitest';
import { resultWindow } from '../../src/coordinator/result-window.ts';

test.each([
  [0, 10_000],
  [1, 10_000],
  [2, 5_000],
  [3, 3_333],
  [625, 16],
  [626, 16],
  [5_000, 16],
])('of %i sessions each may send %i results ahead', (sessions, window) => {
  expect(resultWindow(sessions)).toBe(window);
});
