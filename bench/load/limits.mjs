// What the parts that Hydra stands on reach on this machine, to compare with.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { claimDueTasks } from '../../dist/db/claim-due-tasks.js';
import { finishAttempts } from '../../dist/db/finish-attempts.js';
import { createPool } from '../../dist/db/pool.js';
import { AT_ONCE, seed } from './tasks.mjs';

const NULL_COORDINATOR = fileURLToPath(new URL('null-coordinator.mjs', import.meta.url));
const BATCH = 500;

/** Speaks the protocol and does nothing else. */
export async function startNullCoordinator() {
  const child = fork(NULL_COORDINATOR, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const { address } = await new Promise((resolve) => child.once('message', resolve));
  return {
    pid: child.pid,
    address,
    /** So many tasks are sent to whoever has room. */
    send: (tasks) => child.send({ tasks }),
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Tasks a second through Hydra's own two statements, by 500, one claiming while the other records; nothing beside. */
export async function bareStatements(stack, count) {
  const database = await stack.database();
  const pool = createPool({
    url: database.url,
    size: 2,
    applicationName: 'bench',
    onIdleError: () => undefined,
    onOperatorFault: () => undefined,
  });
  const coordinatorId = randomUUID();
  const result = { reason: 'exited', exitCode: 0, signal: null, error: null };
  const finish = (tasks) =>
    finishAttempts(
      pool,
      coordinatorId,
      tasks.map(({ attempt, taskId }) => ({
        ...{ taskId, attempt, workerId: 'bench', result, output: [], startedAgeUs: 1, endedAgeUs: 0 },
        usage: { cpuMs: 0, peakMemoryBytes: null },
      })),
    );
  try {
    await seed(database.pool, count, { due: AT_ONCE });
    const began = performance.now();
    let recording = Promise.resolve();
    for (let done = 0; done < count;) {
      const claim = { coordinatorId, lane: 'default', priority: 0, lookaheadMs: 0, limit: BATCH };
      const [tasks] = await Promise.all([claimDueTasks(pool, claim), recording]);
      recording = finish(tasks);
      done += tasks.length;
    }
    await recording;
    return count / ((performance.now() - began) / 1000);
  } finally {
    await pool.end();
    await database.drop();
  }
}
