import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { findRecordedEnds } from '../../src/db/find-recorded-ends.ts';
import { finishAttempts } from '../../src/db/finish-attempts.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { COORDINATOR, exited, report, seedClaim, seedRun } from './support/attempts.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test('findRecordedEnds tells what is recorded from what is not', async () => {
  const db = database.pool;
  const policy = { max_attempts: 3, backoff: { type: 'fixed', delay_ms: 60_000 } } as const;
  const [good, bad, running] = [await seedRun(db), await seedRun(db), await seedRun(db)];
  const cancelling = await seedRun(db);
  const failing = await seedRun(db, { retry: policy });
  const lost = await seedClaim(db);
  await cancelTask(db, cancelling.taskId);
  const handedBack = { reason: 'worker_lost', exitCode: null, signal: null, error: null } as const;
  const recorded = [
    report(good),
    report(bad, exited(1)),
    report(cancelling),
    report(failing, exited(1)),
    report(lost, handedBack),
  ];
  const ends = await finishAttempts(db, COORDINATOR, recorded);
  expect(ends).toHaveLength(5);
  const others = [
    report(running),
    report({ ...good, attempt: 2 }),
    report(bad, exited(1), { workerId: 'another' }),
    report(good, { ...exited(0), reason: 'timed_out', exitCode: null }),
    report({ taskId: '00000000-0000-4000-8000-00000000dead', attempt: 1 }),
  ];
  const found = await findRecordedEnds(db, [...recorded, ...others]);
  const byTask = (a: { taskId: string }, b: { taskId: string }) => (a.taskId < b.taskId ? -1 : 1);
  expect([...found].sort(byTask)).toEqual([...ends].sort(byTask));
});
