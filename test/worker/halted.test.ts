import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFailed, onTestFinished, test } from 'vitest';
import { refKey, type FromWorker } from '../../src/rpc/messages.ts';
import { HydraProcess } from '../support/hydra-process.ts';
import { Gate } from './support/gate.ts';
import { processesAppear, processesGone, processesWith } from './support/processes.ts';
import { ScriptedCoordinator, type ScriptedSession, type Terms } from './support/scripted-coordinator.ts';
import { attemptOf, markOf } from './support/test-worker.ts';
import { assemble } from './support/written.ts';

/* A worker that is halted (SIGSTOP), and goes on. */

const LOST = { reason: 'worker_lost', error: 'its worker could not renew its lease' };

/** `hydra worker` as a process, registered. */
async function startProcess(terms: Terms, env: Record<string, string> = {}) {
  const coordinator = await ScriptedCoordinator.start();
  const worker = new HydraProcess('worker', ['worker'], {
    HYDRA_COORDINATORS: coordinator.address,
    HYDRA_SLOTS: '32',
    ...env,
  });
  onTestFailed(() => console.log(worker.output));
  onTestFinished(async () => {
    worker.signal('SIGCONT');
    if (worker.running) await worker.end('SIGKILL');
  });
  const session = await coordinator.session();
  await session.accept(terms);
  const details = await worker.ready;
  return { coordinator, details, session, worker };
}

test('past its lease: what its guardian has killed is lost, what ended by itself meanwhile has ended so', async () => {
  const { coordinator, session, worker } = await startProcess({ leaseMs: 3_000, heartbeatIntervalMs: 100 });
  const gate = new Gate();
  const [killed, ended] = [attemptOf('setsid sleep 600 & sleep 601'), attemptOf(`${gate.wait}; echo done; exit 7`)];
  session.dispatch(killed, ended);
  await Promise.all([session.started(killed.ref), session.started(ended.ref)]);
  await processesAppear(markOf(killed.ref), 3);
  // An answer that waited for it to go on would renew its lease, and it would stay with its session.
  session.answers = 'silent';
  await session.heard('heartbeat', 1 + countOf(session, 'heartbeat'));
  worker.signal('SIGSTOP');
  gate.pass();
  await processesGone(markOf(ended.ref));
  await processesGone(markOf(killed.ref));
  worker.signal('SIGCONT');

  const next = await coordinator.session(2);
  const { inHand } = await next.accept();
  const refs = [killed.ref, ended.ref].map(refKey).sort();
  // Unless it had put the result aside by then, which is named as well.
  expect(inHand.map(({ ref }) => refKey(ref)).sort()).toEqual(refs);
  expect((await next.finished(killed.ref)).result).toMatchObject({ ...LOST, signal: 'SIGKILL' });
  expect((await next.finished(ended.ref)).result).toMatchObject({ reason: 'exited', exitCode: 7, error: null });
  expect(next.written(ended.ref).text).toBe('done\n');
});

test('past its lease: a command that it was starting does not go on', async () => {
  const { session, worker } = await startProcess({ leaseMs: 2_000, heartbeatIntervalMs: 100 });
  const attempts = Array.from({ length: 32 }, () => attemptOf('setsid sleep 600 & sleep 601'));
  session.dispatch(...attempts);
  // In the middle of it, so that some have begun that the guardian was not told of.
  await processesAppear(markOf(attempts[0]!.ref), 1);
  worker.signal('SIGSTOP');
  await Promise.all(attempts.map(({ ref }) => processesGone(markOf(ref))));
  expect(stateOf(worker.pid)).toBe('T');
});

test('within its lease: it goes on with its session when a heartbeat was answered meanwhile', async () => {
  const terms = { leaseMs: 6_000, heartbeatIntervalMs: 500 };
  const { coordinator, session, worker } = await startProcess(terms);
  session.answers = 'silent';
  const { sequence } = await session.heard('heartbeat', 1 + countOf(session, 'heartbeat'));
  worker.signal('SIGSTOP');
  session.send({ kind: 'heartbeat_ack', sequence, renewed: true, holdsOffMs: 0, resultWindow: 0 });
  session.answers = 'renewed';
  await delay(0.5 * terms.leaseMs); // longer than it waits for an answer
  worker.signal('SIGCONT');
  await session.heard('heartbeat', 2 + countOf(session, 'heartbeat'));
  expect(coordinator.sessionCount).toBe(1);
});

const SLOTS = 8;
const KIB = 1024;
const LIMIT = 1024 * KIB;
const FLOOD_BYTES = Buffer.from(Array.from({ length: 2_600_000 }, (_, i) => `${i + 1}\n`).join(''));
const KEPT = Buffer.concat([FLOOD_BYTES.subarray(0, LIMIT / 2), FLOOD_BYTES.subarray(FLOOD_BYTES.length - LIMIT / 2)]);

test('within its lease, for 20 s: nothing piles up, nothing is killed, and everything is told when it goes on', async () => {
  const env = { HYDRA_SLOTS: String(SLOTS), HYDRA_HEALTH_PORT: '0' };
  const { coordinator, details, session, worker } = await startProcess({ leaseMs: 60_000 }, env);
  const gate = new Gate();
  const floods = Array.from({ length: SLOTS / 2 }, () => attemptOf(`echo; ${gate.wait}; exec seq 1 2600000`));
  session.dispatch(...floods);
  await Promise.all(floods.map(({ ref }) => session.wrote(ref, /\n/)));
  const before = residentBytes(worker.pid);
  worker.signal('SIGSTOP');
  gate.pass(floods.length);
  const short = Array.from({ length: SLOTS / 2 }, (_, i) => attemptOf(`seq ${i} 5000`));
  session.dispatch(...short);
  await delay(20_000);
  // The pipes are full, and the commands wait. Keepalive has taken the worker for dead.
  for (const { ref } of floods) expect(await processesWith(markOf(ref))).toHaveLength(1);
  await session.gone;
  worker.signal('SIGCONT');

  const next = await coordinator.session(2);
  const named = new Set((await next.accept()).inHand.map(({ ref }) => refKey(ref)));
  expect(floods.filter(({ ref }) => !named.has(refKey(ref)))).toEqual([]);
  next.dispatch(...short.filter(({ ref }) => !named.has(refKey(ref))));
  const all = [...floods, ...short];
  const reports = await Promise.all(all.map(({ ref }) => next.finished(ref)));
  expect(reports.map(({ result }) => result)).toEqual(
    all.map(() => ({ reason: 'exited', exitCode: 0, signal: null, error: null })),
  );
  for (const { ref } of floods) {
    const pieces = [session, next].flatMap((each) => each.pieces(ref));
    expect(assemble(pieces).stdout.subarray(1).equals(afterFirst(KEPT))).toBe(true);
  }
  for (const [i, { ref }] of short.entries()) {
    expect(next.written(ref).text).toBe(Array.from({ length: 5_001 - i }, (_, n) => `${i + n}\n`).join(''));
  }
  expect(residentBytes(worker.pid) - before).toBeLessThan(100e6);
  next.acknowledge(...all.map(({ ref }) => ref));
  const metrics = async () => (await fetch(`http://127.0.0.1:${details.healthPort}/metrics`)).text();
  await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^hydra_worker_unacknowledged_results 0$/m);
  expect(await metrics()).toMatch(/^hydra_worker_held_output_bytes 0$/m);
  expect(await metrics()).toMatch(/^hydra_worker_lease_fences_total 0$/m);
}, 90_000);

function countOf({ said }: ScriptedSession, kind: FromWorker['kind']): number {
  return said.filter((message) => message.kind === kind).length;
}

/** An empty line comes first, so that one byte less of the head is the flood's. */
function afterFirst(kept: Buffer): Buffer {
  const half = LIMIT / 2;
  return Buffer.concat([kept.subarray(0, half - 1), kept.subarray(half)]);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * KIB;
}

/** Letter for the state of a process. */
function stateOf(pid: number): string {
  return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
}
