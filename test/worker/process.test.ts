import { onTestFailed, onTestFinished, expect, test } from 'vitest';
import type { Attempt } from '../../src/rpc/messages.ts';
import { HydraProcess } from '../support/hydra-process.ts';
import { processesAppear, processesGone, processesWith } from './support/processes.ts';
import { ScriptedCoordinator, type ScriptedSession } from './support/scripted-coordinator.ts';
import { attemptOf, markOf } from './support/test-worker.ts';

/** `hydra worker` as a process, registered. */
async function startProcess(env: Record<string, string> = {}) {
  const coordinator = await ScriptedCoordinator.start();
  const process = new HydraProcess('worker', ['worker'], {
    HYDRA_COORDINATORS: coordinator.address,
    HYDRA_SLOTS: '32',
    ...env,
  });
  onTestFailed(() => console.log(process.output));
  onTestFinished(async () => {
    if (process.running) await process.end('SIGKILL');
  });
  const session = await coordinator.session();
  await session.accept();
  await process.ready;
  return { process, session };
}

/** Runs until it is killed, in the ways that commands use to get out of sight. */
const NASTY = `trap '' TERM INT HUP
setsid sh -c "trap '' TERM; sleep 601 & sleep 602" &
(setsid sh -c 'exec >/dev/null 2>&1 </dev/null; sleep 603' &)
sleep 604`;
const NASTY_PROCESSES = 6;

async function runs(session: ScriptedSession, attempts: readonly Attempt[]): Promise<void> {
  session.dispatch(...attempts);
  await Promise.all(attempts.map(({ ref }) => processesAppear(markOf(ref), NASTY_PROCESSES)));
}

test('kill -9 of a worker with 20 trees leaves none within 2 s', async () => {
  const { process, session } = await startProcess();
  const attempts = Array.from({ length: 20 }, () => attemptOf(NASTY));
  await runs(session, attempts);
  const beforeMs = performance.now();
  await process.end('SIGKILL');
  await Promise.all(attempts.map(({ ref }) => processesGone(markOf(ref))));
  expect(performance.now() - beforeMs).toBeLessThan(2_000);
});

test('what was left behind with leave lives on when the worker is killed', async () => {
  const { process, session } = await startProcess();
  const left = attemptOf('sleep 600 & exit 0', { background: 'allow' });
  await session.run(left);
  const killed = attemptOf(NASTY, { background: 'allow' }); // which has not ended, and so has left nothing behind
  await runs(session, [killed]);
  await process.end('SIGKILL');
  await processesGone(markOf(killed.ref));
  const pids = await processesWith(markOf(left.ref));
  expect(pids).toHaveLength(1);
  for (const pid of pids) globalThis.process.kill(pid, 'SIGKILL');
  await processesGone(markOf(left.ref));
});

test('the first signal drains, the second hands back', async () => {
  const { process, session } = await startProcess();
  const attempt = attemptOf('sleep 600');
  session.dispatch(attempt);
  await session.started(attempt.ref);
  process.signal('SIGTERM');
  await session.heard('draining');
  expect(session.said.some((message) => message.kind === 'report' && message.finished.length > 0)).toBe(false);
  process.signal('SIGTERM');
  expect((await session.finished(attempt.ref)).result).toMatchObject({ reason: 'worker_lost', signal: 'SIGTERM' });
  session.acknowledge(attempt.ref);
  await session.heard('goodbye');
  session.end();
  expect(await process.exited).toEqual({ code: 0, signal: null });
});

test('the third kills', async () => {
  const { process, session } = await startProcess();
  const attempt = attemptOf(NASTY);
  await runs(session, [attempt]);
  process.signal('SIGTERM');
  await session.heard('draining');
  process.signal('SIGTERM');
  await process.waitForOutput(/handing back what runs/);
  process.signal('SIGINT');
  expect(await process.exited).toEqual({ code: 3, signal: null });
  await processesGone(markOf(attempt.ref));
});

test('it leaves with status 0 after as many tasks as it may take', async () => {
  const { process, session } = await startProcess({ HYDRA_MAX_TASKS: '1' });
  await session.run(attemptOf('exit 1'));
  await session.heard('goodbye');
  session.end();
  expect(await process.exited).toEqual({ code: 0, signal: null });
});
