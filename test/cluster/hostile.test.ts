import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { findByCommand, untilGone } from '../support/processes.ts';
import { allEnded, readAttempts, readTask, submitBatch } from '../support/rest-client.ts';

/* Commands that do what they can to outlive their end or to flood whoever reads them, in a cluster of real processes. */

const TREES = 20;
const FLOOD_BYTES = 1_000_000_000;
/** Far below what a flood that is not bounded brings, and far above what a busy worker needs. */
const GROWTH_BYTES = 200_000_000;

const fixture = clusterForEachTest();

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A number of seconds that no other process of this machine sleeps for. */
const uniqueSeconds = () => `${randomInt(100_000, 1_000_000)}.${randomInt(1_000_000)}`;

test('kill -9 of a worker leaves none of the processes of 20 trees', async () => {
  const { schedulerUrl, workers } = await fixture.start({ workers: 1, slots: TREES, env: { HYDRA_LEASE_MS: '2000' } });
  const seconds = uniqueSeconds();
  const command =
    `setsid sleep ${seconds} & ` +
    `(env -i setsid sleep ${seconds} >/dev/null 2>&1 </dev/null &) ; ` +
    `(sleep ${seconds} &) ; trap '' TERM; sleep ${seconds}`;
  const ids = await submitBatch(
    schedulerUrl,
    Array.from({ length: TREES }, () => ({ command, on_worker_lost: 'fail' })),
  );
  const sleepers = () => findByCommand(seconds).filter((process) => process.command.startsWith('sleep '));
  await until(() => sleepers().length === 4 * TREES);

  await fixture.cluster.kill(workers[0]!, 'SIGKILL');
  await untilGone(sleepers, 10_000);

  const tasks = await allEnded(schedulerUrl, ids);
  expect(new Set(tasks.map(({ state, reason }) => `${state} ${reason ?? ''}`))).toEqual(
    new Set(['failed worker_lost']),
  );
}, 60_000);

test('what a halted worker runs is gone before another worker runs it again', async () => {
  const { schedulerUrl, workers } = await fixture.start({ workers: 2, slots: 1, env: { HYDRA_LEASE_MS: '3000' } });
  const seconds = uniqueSeconds();
  const folder = mkdtempSync(join(tmpdir(), 'hydra-halted-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // The lock is held for as long as any process of the attempt lives.
  const command =
    `exec 9>${folder}/lock; if flock --nonblock 9; then echo alone >>${folder}/ledger; ` +
    `else echo overlap >>${folder}/ledger; fi; [ $HYDRA_ATTEMPT -gt 1 ] || { setsid sleep ${seconds} & sleep ${seconds}; }`;
  const [id = ''] = await submitBatch(schedulerUrl, [{ command }]);
  await until(() => findByCommand(`sleep ${seconds}`).length >= 2);
  await until(async () => (await readTask(schedulerUrl, id)).state === 'running');
  const { worker_id: halted } = await readTask(schedulerUrl, id);
  const { process } = workers.find(({ details }) => details.workerId === halted)!;
  process.signal('SIGSTOP');
  try {
    const [task] = await allEnded(schedulerUrl, [id]);
    expect(task).toMatchObject({ state: 'completed', attempt: 2 });
    expect(readFileSync(`${folder}/ledger`, 'utf8')).toBe('alone\nalone\n');
    expect(findByCommand(`sleep ${seconds}`)).toEqual([]);
  } finally {
    process.signal('SIGCONT');
  }
  const attempts = await readAttempts(schedulerUrl, id);
  expect(attempts.map(({ reason }) => reason)).toEqual(['worker_lost', 'exited']);
}, 60_000);

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

test('a command that writes 1 GB holds up no other and grows neither worker nor coordinator', async () => {
  const { schedulerUrl, workers, coordinators } = await fixture.start({ workers: 1, slots: 2 });
  const watched = [workers[0]!, coordinators[0]!].map(({ process }) => process.pid);
  await allEnded(schedulerUrl, await submitBatch(schedulerUrl, [{ command: 'true' }]));
  const before = watched.map(residentBytes);
  const peak = [...before];

  const [flood] = await submitBatch(schedulerUrl, [{ command: `head -c ${FLOOD_BYTES} /dev/zero; echo done >&2` }]);
  let besides = 0;
  for (;;) {
    for (const [i, pid] of watched.entries()) peak[i] = Math.max(peak[i]!, residentBytes(pid));
    const { state } = await readTask(schedulerUrl, flood!);
    if (state === 'completed') break;
    expect(['scheduled', 'picked', 'running']).toContain(state);
    const [task] = await allEnded(schedulerUrl, await submitBatch(schedulerUrl, [{ command: 'true' }]));
    expect(task!.state).toBe('completed');
    if (state === 'running') besides += 1;
  }
  expect(besides).toBeGreaterThan(0);
  for (const [i, bytes] of peak.entries()) expect(bytes - before[i]!).toBeLessThan(GROWTH_BYTES);

  const response = await fetch(`${schedulerUrl}/schedule/${flood!}/output`);
  const output = (await response.json()) as {
    stdout: { bytes: number; truncated: boolean; text: string };
    stderr: { text: string };
  };
  expect(output.stdout.bytes).toBe(FLOOD_BYTES);
  expect(output.stdout.truncated).toBe(true);
  expect(output.stdout.text.length).toBeGreaterThan(1_000_000);
  expect(output.stderr.text).toBe('done\n');
}, 120_000);
