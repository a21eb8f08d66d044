import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { GroupKeeper } from '../../../src/worker/guardian/group-keeper.ts';
import type { FromCompanion } from '../../../src/worker/guardian/protocol.ts';
import { findByCommand } from '../../support/processes.ts';
import { cleanUp, hasProc, stateOf, untilAsleep } from './support/guarded.ts';
import { uniqueSleep } from './support/nasty.ts';

function keep() {
  const answered: number[] = [];
  const keeper = new GroupKeeper((message: FromCompanion) => {
    if (message.kind === 'done') answered.push(message.id);
  });
  const sleep = uniqueSleep();
  cleanUp(sleep);
  const child = spawn('sh', ['-c', `sleep ${sleep} & exec sleep ${sleep}`], { detached: true, stdio: 'ignore' });
  keeper.begin({ kind: 'begin', key: 'a/1', leader: { pid: child.pid!, start: 0 }, cgroup: null });
  return { keeper, answered, sleep, exited: once(child, 'exit') };
}

// The system that this is for has no way to look for what is left, so it is tested on one that has.
test.skipIf(!hasProc)('signals and ends the process group', async () => {
  const { keeper, answered, sleep } = keep();
  const pids = await untilAsleep(sleep, 2);
  keeper.signal({ kind: 'signal', id: 1, key: 'a/1', signal: 'SIGSTOP' });
  await expect.poll(() => pids.map(stateOf)).toEqual(['T', 'T']);
  keeper.end({ kind: 'end', id: 2, key: 'a/1', spareBackground: false });
  // A member that nobody has waited for yet still counts.
  await expect.poll(() => answered, { timeout: 10_000 }).toEqual([1, 2]);
  expect(findByCommand(sleep)).toEqual([]);
});

test.skipIf(!hasProc)('spares it when told to', async () => {
  const { keeper, answered, sleep } = keep();
  await untilAsleep(sleep, 2);
  keeper.end({ kind: 'end', id: 1, key: 'a/1', spareBackground: true });
  expect(answered).toEqual([1]);
  await keeper.abandon();
  expect(findByCommand(sleep)).toHaveLength(2);
});

test.skipIf(!hasProc)('ends all that has not ended when the worker is gone', async () => {
  const { keeper, sleep } = keep();
  await untilAsleep(sleep, 2);
  expect(await keeper.abandon()).toEqual({ killed: 1, survivors: 0 });
  expect(findByCommand(sleep)).toEqual([]);
});

test('answers about attempts that it does not know', () => {
  const answered: number[] = [];
  const keeper = new GroupKeeper((message) => {
    if (message.kind === 'done') answered.push(message.id);
  });
  keeper.signal({ kind: 'signal', id: 1, key: 'b/1', signal: 'SIGTERM' });
  keeper.end({ kind: 'end', id: 2, key: 'b/1', spareBackground: false });
  expect(answered).toEqual([1, 2]);
});
