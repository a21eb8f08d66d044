import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import type { Handle } from '../support/cluster.ts';
import { allEnded, submitBatch } from '../support/rest-client.ts';

/* A part is halted (SIGSTOP) for 20 s, its lease not ended, under floods of output and many short commands. */

const fixture = clusterForEachTest();

const HALTED_MS = 20_000;
const SLOTS = 8;
const FLOODS = 4;
const SHORT = 200;
const LIMIT = 1024 * 1024;
const ENV = { HYDRA_LEASE_MS: '60000', HYDRA_HEALTH_PORT: '0' };

/** Writes 21 MB, as fast as it may, over some 25 seconds. */
const ROUNDS = 250;
const LINES = 12_000;
const FLOOD = `for i in $(seq 0 ${ROUNDS - 1}); do seq $((i * ${LINES})) $((i * ${LINES} + ${LINES - 1})); sleep 0.1; done`;
const lines = (first: number, count: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `${first + i}\n`).join(''));
const WRITTEN = lines(0, ROUNDS * LINES);
/** The first and the last half of what is kept. */
const [HEAD, TAIL] = [WRITTEN.subarray(0, LIMIT / 2), WRITTEN.subarray(WRITTEN.length - LIMIT / 2)];

async function stdoutOf(url: string, id: string): Promise<Buffer> {
  const response = await fetch(`${url}/schedule/${id}/output?stream=stdout`);
  return Buffer.from(await response.arrayBuffer());
}

function residentBytes({ process }: Handle): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process.pid}/status`, 'latin1'))?.[1]) * 1024;
}

async function metricOf({ details }: Handle, name: string): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${details.healthPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
}

test.each(['coordinator', 'worker'] as const)(
  'a %s: memory is bounded, and everything is recorded once when it goes on',
  async (part) => {
    const cluster = await fixture.start({ coordinators: 1, workers: 1, slots: SLOTS, env: ENV });
    const { schedulerUrl: url, coordinators, workers } = cluster;
    const [coordinator, worker] = [coordinators[0]!, workers[0]!];
    const floods = await submitBatch(
      url,
      Array.from({ length: FLOODS }, () => ({ command: FLOOD, priority: 100 })),
    );
    const running = () => metricOf(worker, 'hydra_worker_running');
    await expect.poll(running, { timeout: 20_000 }).toBe(FLOODS);
    const before = [coordinator, worker].map(residentBytes);
    const short = await submitBatch(
      url,
      Array.from({ length: SHORT }, (_, i) => ({ command: `seq ${i} 3000` })),
    );
    await expect.poll(running, { timeout: 20_000 }).toBeGreaterThan(FLOODS);

    const halted = part === 'worker' ? worker : coordinator;
    halted.process.signal('SIGSTOP');
    const most = [0, 0];
    const untilMs = performance.now() + HALTED_MS;
    while (performance.now() < untilMs) {
      await delay(500);
      for (const [i, handle] of [coordinator, worker].entries()) most[i] = Math.max(most[i]!, residentBytes(handle));
      if (part === 'worker') continue;
      expect(await metricOf(worker, 'hydra_worker_held_output_bytes')).toBeLessThanOrEqual(SLOTS * 1.25 * LIMIT);
      expect(await metricOf(worker, 'hydra_worker_unacknowledged_results')).toBeLessThanOrEqual(SLOTS);
    }
    halted.process.signal('SIGCONT');
    for (const [i, bytes] of most.entries()) expect(bytes - before[i]!).toBeLessThan(150e6);

    const ended = await allEnded(url, [...floods, ...short]);
    expect(ended.map(({ state, exit_code, lost_attempts }) => [state, exit_code, lost_attempts])).toEqual(
      ended.map(() => ['completed', 0, 0]),
    );
    // What ran was not killed and run again. What had not reached a halted worker has another number.
    expect(ended.slice(0, FLOODS).map(({ attempt }) => attempt)).toEqual(floods.map(() => 1));
    for (const id of floods) {
      const stdout = await stdoutOf(url, id);
      expect(stdout.subarray(0, HEAD.length).equals(HEAD)).toBe(true);
      expect(stdout.subarray(stdout.length - TAIL.length).equals(TAIL)).toBe(true);
    }
    for (const [i, id] of short.entries()) expect((await stdoutOf(url, id)).equals(lines(i, 3_001 - i))).toBe(true);
    const unacknowledged = () => metricOf(worker, 'hydra_worker_unacknowledged_results');
    await expect.poll(unacknowledged, { timeout: 20_000 }).toBe(0);
    expect(await metricOf(worker, 'hydra_worker_held_output_bytes')).toBe(0);
  },
  180_000,
);
