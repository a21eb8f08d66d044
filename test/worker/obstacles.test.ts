import { expect, test } from 'vitest';
import type { Answer } from '../../src/worker/answer.ts';
import { Obstacles } from '../../src/worker/obstacles.ts';

function obstaclesAt(startMs: number) {
  const clock = { ms: startMs };
  return { clock, obstacles: new Obstacles(() => clock.ms) };
}

const refuses: Answer = { kind: 'absent', askedAtMs: 0, why: 'refuses connections' };
const cutOff: Answer = { kind: 'holds_off', askedAtMs: 0, holdsOffMs: 1, why: 'cannot reach PostgreSQL' };

test('says of each coordinator why it does not serve, ten of them', () => {
  const { obstacles } = obstaclesAt(0);
  expect(obstacles.text).toBe('');
  obstacles.replace(
    new Map<string, Answer>([
      ['b:2', cutOff],
      ['a:1', refuses],
    ]),
  );
  obstacles.add('b:2', 'does not answer');
  expect(obstacles.text).toBe('a:1 refuses connections, b:2 does not answer');
  obstacles.replace(new Map(Array.from({ length: 12 }, (_, i) => [`10.0.0.${i}:5001`, refuses])));
  expect(obstacles.text).toMatch(/^10.0.0.0:5001 refuses connections, .*, and 2 more$/);
  obstacles.clear();
  expect(obstacles.text).toBe('');
});

test('is news when it changes, and every 30 s', () => {
  const { clock, obstacles } = obstaclesAt(1_000);
  obstacles.replace(new Map([['a:1', refuses]]));
  expect([obstacles.isNews(), obstacles.isNews()]).toEqual([true, false]);
  clock.ms += 29_999;
  expect(obstacles.isNews()).toBe(false);
  clock.ms += 1;
  expect([obstacles.isNews(), obstacles.isNews()]).toEqual([true, false]);
  obstacles.replace(new Map([['a:1', cutOff]]));
  expect(obstacles.isNews()).toBe(true);
  obstacles.clear();
  obstacles.replace(new Map([['a:1', cutOff]]));
  expect(obstacles.isNews()).toBe(true);
});
