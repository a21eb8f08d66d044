import { expect, test } from 'vitest';
import { mayBeCommitted } from '../../src/db/connection-fate.ts';
import { limitStatements } from '../../src/db/limit-statements.ts';
import type { Queryable } from '../../src/db/pool.ts';

test('as many statements as may be are under way, the next is refused, and those that fail make room as well', async () => {
  const under: { readonly text: string; readonly resolve: (rows: unknown) => void; readonly reject: () => void }[] = [];
  const slow = {
    query: (text: string) =>
      new Promise((resolve, reject) => under.push({ text, resolve, reject: () => reject(new Error('fails')) })),
  } as unknown as Queryable;
  let refused = 0;
  const limited = limitStatements(slow, 2, () => refused++);
  const [one, two] = [limited.query('one'), limited.query('two')];
  const three: unknown = await limited.query('three').catch((error: unknown) => error);
  expect(three).toMatchObject({ code: 'unavailable', message: 'too many statements wait for PostgreSQL; try again' });
  expect(mayBeCommitted(three)).toBe(false);
  expect([under.map(({ text }) => text), refused]).toEqual([['one', 'two'], 1]);
  under[0]!.resolve('rows');
  expect(await one).toBe('rows');
  const four = limited.query('four');
  under[1]!.reject();
  await expect(two).rejects.toThrow('fails');
  const five = limited.query('five');
  for (const { resolve } of under.slice(2)) resolve('more');
  expect([await four, await five, refused]).toEqual(['more', 'more', 1]);
});
