import { expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { buildWorker } from '../../src/worker/main.ts';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';

test('the process answers probes from the start, is ready once registered, and ends when it is told to drain', async () => {
  const coordinator = await ScriptedCoordinator.start();
  const parts = await buildWorker({
    HYDRA_WORKER_ID: 'the-worker',
    HYDRA_COORDINATORS: coordinator.address,
    HYDRA_HEALTH_PORT: '0',
    HYDRA_LOG_LEVEL: 'silent',
  });
  onTestFinished(() => parts.force?.());
  onTestFinished(() => parts.service.stop());
  const start = parts.service.start();
  const session = await coordinator.session();
  await session.heard('register');

  const { workerId, healthPort } = parts.describe();
  expect(workerId).toBe('the-worker');
  const get = (path: string) => fetch(`http://127.0.0.1:${healthPort ?? ''}${path}`);
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(503);
  await session.accept();
  await start;
  expect((await get('/readyz')).status).toBe(200);
  const metrics = await (await get('/metrics')).text();
  for (const line of [
    'hydra_worker_slots 4',
    'hydra_worker_running 0',
    'hydra_worker_unacknowledged_results 0',
    'hydra_worker_attempts_total{reason="exited"} 0',
    'hydra_worker_reconnects_total 0',
    'hydra_worker_lease_fences_total 0',
    'hydra_worker_stops_total{cause="timed_out"} 0',
    'hydra_worker_kills_total 0',
    'hydra_worker_stdin_bytes_total 0',
    'hydra_worker_guardian_restarts_total 0',
  ]) {
    expect(metrics.split('\n')).toContain(line);
  }
  expect(metrics).toMatch(/^hydra_worker_heartbeat_age_seconds \d/m);

  session.send({ kind: 'drain', timeoutMs: null });
  await session.heard('goodbye');
  session.end();
  expect(await parts.ended).toBe('the worker has drained');
  await parts.service.stop();
  await expect(get('/healthz')).rejects.toThrow();
});

test('without a port there is no health server', async () => {
  const parts = await buildWorker({ HYDRA_WORKER_ID: 'w', HYDRA_LOG_LEVEL: 'silent' });
  expect(parts.describe()).toEqual({ workerId: 'w' });
});

test('a wrong configuration is refused with every fault', async () => {
  await expect(buildWorker({ HYDRA_SLOTS: '0', HYDRA_LABELS: 'x' })).rejects.toThrow(ConfigError);
});

test.each([
  [{ HYDRA_POLICY_FILE: '/nonexistent/policy.json' }, 'HYDRA_POLICY_FILE /nonexistent/policy.json cannot be read'],
  [{ HYDRA_CGROUP: '/nonexistent/cgroup' }, 'HYDRA_CGROUP'],
])('so is one that does not hold here: %o', async (env, fault) => {
  await expect(buildWorker({ HYDRA_LOG_LEVEL: 'silent', ...env })).rejects.toThrow(fault);
});
