import { expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { buildWorker } from '../../src/worker/main.ts';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';

test('the process answers probes from the start, is ready once registered, and ends when it is told to drain', async () => {
  const coordinator = await ScriptedCoordinator.start();
  const parts = buildWorker({
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
  ]) {
    expect(metrics.split('\n')).toContain(line);
  }
  expect(metrics).toMatch(/^hydra_worker_heartbeat_age_seconds \d/m);

  session.send({ kind: 'drain' });
  await session.heard('goodbye');
  session.end();
  expect(await parts.ended).toBe('the worker has drained');
  await parts.service.stop();
  await expect(get('/healthz')).rejects.toThrow();
});

test('without a port there is no health server', () => {
  expect(buildWorker({ HYDRA_WORKER_ID: 'w', HYDRA_LOG_LEVEL: 'silent' }).describe()).toEqual({ workerId: 'w' });
});

test('a wrong configuration is refused with every fault', () => {
  expect(() => buildWorker({ HYDRA_SLOTS: '0', HYDRA_LABELS: 'x' })).toThrow(ConfigError);
});
