import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRow, seedWorker } from '../db/support/rows.ts';
import { startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
  const { pool } = server.database;
  await seedWorker(pool, { id: 'a', slots: 3, queues: ['x', 'y'], labels: { region: 'eu' } });
  await seedWorker(pool, { id: 'b', draining: true });
  await seedRow(pool, { state: 'running', workerId: 'a' });
  await seedRow(pool, { scheduledAt: new Date(Date.now() - 60_000).toISOString() });
  await seedRow(pool, { state: 'completed', queue: 'x' });
});
afterAll(() => server.close());

describe('GET /workers', () => {
  test('lists them', async () => {
    const response = await server.app.inject({ url: '/workers' });
    expect(response.statusCode).toBe(200);
    const instant = expect.stringMatching(/^\d{4}-.*Z$/) as string;
    const { workers } = response.json<{ workers: { id: string; state: string }[] }>();
    expect(workers[0]).toEqual({
      id: 'a',
      state: 'connected',
      hostname: 'host',
      pid: 1,
      version: '0',
      slots: 3,
      running: 1,
      labels: { region: 'eu' },
      queues: ['x', 'y'],
      coordinator_id: expect.any(String) as string,
      connected_at: instant,
      last_heartbeat_at: instant,
      lease_until: instant,
    });
    expect(workers.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'connected'],
      ['b', 'draining'],
    ]);
  });
});

describe('GET /stats', () => {
  test('tells what waits, runs and has ended', async () => {
    const response = await server.app.inject({ url: '/stats' });
    expect(response.statusCode).toBe(200);
    const stats = response.json<{ oldest_overdue_ms: number; queues: { oldest_overdue_ms: number | null }[] }>();
    expect(stats).toMatchObject({
      approximate: false,
      tasks: { scheduled: 1, picked: 0, running: 1, completed: 1, failed: 0, cancelled: 0, expired: 0 },
      overdue: 1,
      workers: { connected: 1, draining: 1, lost: 0 },
      slots: 3,
    });
    expect(stats.oldest_overdue_ms).toBeGreaterThanOrEqual(60_000);
    expect(stats.queues).toEqual([
      { queue: 'default', scheduled: 1, picked: 0, running: 1, overdue: 1, oldest_overdue_ms: stats.oldest_overdue_ms },
      { queue: 'x', scheduled: 0, picked: 0, running: 0, overdue: 0, oldest_overdue_ms: null },
    ]);
  });

  test('counts once for many who ask at the same time', async () => {
    const requests = Array.from({ length: 10 }, () => server.app.inject({ url: '/stats' }));
    const answers = (await Promise.all(requests)).map((response) => response.json<{ as_of: string }>().as_of);
    expect(new Set(answers).size).toBe(1);
  });
});

describe('GET /metrics', () => {
  test('tells Prometheus', async () => {
    await server.app.inject({ url: '/schedule/abc' });
    await server.app.inject({ url: '/no/such/route' });
    await server.app.inject({
      method: 'POST',
      url: '/schedule',
      payload: { command: 'true', scheduled_at: '2030-01-01' },
    });
    const response = await server.app.inject({ url: '/metrics' });
    expect(response.headers['content-type']).toContain('text/plain');
    const lines = response.body.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'hydra_database_up 1',
        'hydra_tasks{state="running"} 1',
        'hydra_tasks{state="expired"} 0',
        'hydra_tasks_overdue 1',
        'hydra_workers{state="draining"} 1',
        'hydra_worker_slots 3',
        'hydra_insert_queue_tasks 0',
        'hydra_insert_batch_tasks_sum 1',
        'hydra_http_request_duration_seconds_count{method="GET",route="/schedule/:task_id",status="400"} 1',
        'hydra_http_request_duration_seconds_count{method="GET",route="unknown",status="404"} 1',
        'hydra_http_request_duration_seconds_count{method="POST",route="/schedule",status="201"} 1',
      ]),
    );
    expect(response.body).toMatch(/^process_cpu_seconds_total \d/m);
  });
});

describe('those who run Hydra', () => {
  test('hear that it is alive and ready', async () => {
    expect((await server.app.inject({ url: '/healthz' })).json()).toEqual({ status: 'alive' });
    expect((await server.app.inject({ url: '/readyz' })).json()).toEqual({ status: 'ready' });
    expect((await server.app.inject({ url: '/healthz', method: 'HEAD' })).statusCode).toBe(200);
  });

  test('find the routes', async () => {
    const about = (await server.app.inject({ url: '/' })).json<{ routes: Record<string, string> }>();
    expect(about).toMatchObject({ name: 'Hydra', documentation: '/openapi.json' });
    expect(Object.keys(about.routes).sort()).toEqual([
      'DELETE /schedule/:task_id',
      'GET /',
      'GET /healthz',
      'GET /metrics',
      'GET /openapi.json',
      'GET /readyz',
      'GET /schedule',
      'GET /schedule/:task_id',
      'GET /schedule/:task_id/attempts',
      'GET /schedule/:task_id/output',
      'GET /stats',
      'GET /workers',
      'POST /schedule',
      'POST /schedule/:task_id/retry',
      'POST /schedule/:task_id/run-now',
      'POST /schedule/batch',
      'POST /schedule/cancel',
      'POST /workers/:worker_id/drain',
    ]);
    expect(Object.values(about.routes).every((summary) => summary !== '')).toBe(true);
  });
});
