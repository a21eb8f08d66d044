import { Counter, Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { HealthServer, type Readiness } from '../../src/runtime/health-server.ts';

async function startServer(readiness: () => Promise<Readiness>) {
  const registry = new Registry();
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
  const server = new HealthServer({ host: '127.0.0.1', port: 0, readiness, registry });
  onTestFinished(() => server.stop());
  await server.start();
  return {
    server,
    registry,
    get: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init),
  };
}

const ready = () => Promise.resolve({ ready: true, checks: { database: 'ok' } });

test('/healthz answers as long as the process does, ready or not', async () => {
  const { get } = await startServer(() => Promise.resolve({ ready: false, checks: {} }));
  const response = await get('/healthz');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'ok' });
});

test('/readyz says 200 or 503, and why', async () => {
  let readiness: Readiness = { ready: false, checks: { database: 'cannot be reached' } };
  const { get } = await startServer(() => Promise.resolve(readiness));
  const before = await get('/readyz');
  expect(before.status).toBe(503);
  expect(await before.json()).toEqual(readiness);
  readiness = { ready: true, checks: { database: 'ok' } };
  const after = await get('/readyz?verbose=1');
  expect(after.status).toBe(200);
  expect(await after.json()).toEqual(readiness);
});

test('/readyz is not ready when that cannot be found out', async () => {
  const { get } = await startServer(() => Promise.reject(new Error('no answer')));
  const response = await get('/readyz');
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, checks: { readiness: 'no answer' } });
});

test('/metrics is what Prometheus reads', async () => {
  const { get, registry } = await startServer(ready);
  const response = await get('/metrics');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe(registry.contentType);
  expect(await response.text()).toContain('things_total 3');
});

test('a metric that cannot be read is a 500, not the end of the process', async () => {
  const { get, registry } = await startServer(ready);
  const failing = new Counter({
    name: 'broken_total',
    help: 'Broken.',
    registers: [registry],
    collect: () => {
      throw new Error('it is broken');
    },
  });
  expect((await get('/metrics')).status).toBe(500);
  failing.reset();
  expect((await get('/healthz')).status).toBe(200);
});

test('HEAD is answered without a body, anything else is refused', async () => {
  const { get } = await startServer(ready);
  const head = await get('/healthz', { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe('');
  const post = await get('/healthz', { method: 'POST' });
  expect(post.status).toBe(405);
  expect(post.headers.get('allow')).toBe('GET, HEAD');
  expect((await get('/')).status).toBe(404);
});

test('it does not start on a port that is taken, and says so', async () => {
  const { server } = await startServer(ready);
  const second = new HealthServer({ host: '127.0.0.1', port: server.port, readiness: ready, registry: new Registry() });
  await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await second.stop();
});

test('it stops with connections open, before it was started, and twice', async () => {
  const { server, get } = await startServer(ready);
  await get('/healthz'); // fetch keeps the connection
  await Promise.all([server.stop(), server.stop()]);
  await expect(get('/healthz')).rejects.toThrow();
  await new HealthServer({ host: '127.0.0.1', port: 0, readiness: ready, registry: new Registry() }).stop();
});
