import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf, problemOf, startApp, startAppOnDatabase, type AppOnDatabase } from './support/test-app.ts';

let server: AppOnDatabase;
beforeAll(async () => {
  server = await startAppOnDatabase();
});
afterAll(() => server.close());

describe('a request for what there is not', () => {
  test.each([
    ['GET', '/nothing'],
    ['GET', '/schedule/01956c3e-7b1a-7c3d-9e4f-0123456789ab/nothing'],
    ['POST', '/SCHEDULE'],
    ['DELETE', '/__proto__'],
  ] as const)('%s %s is answered 404', async (method, url) => {
    const response = await server.app.inject({ method, url });
    expect(problemOf(response)).toMatchObject({
      status: 404,
      code: 'not_found',
      detail: `there is no ${url}; GET / lists what there is`,
    });
  });

  test.each([
    ['PUT', '/schedule', 'POST, GET, HEAD'],
    ['PATCH', '/schedule/x?a=b', 'GET, HEAD, DELETE'],
    ['POST', '/schedule/x', 'GET, HEAD, DELETE'],
    ['DELETE', '/schedule', 'POST, GET, HEAD'],
    ['GET', '/schedule/batch', 'POST'],
    ['GET', '/schedule/01956c3e-7b1a-7c3d-9e4f-0123456789ab/retry', 'POST'],
    ['DELETE', '/schedule/x/run-now', 'POST'],
    ['POST', '/schedule/x/attempts', 'GET, HEAD'],
    ['GET', '/workers/x/drain', 'POST'],
    ['OPTIONS', '/schedule', 'POST, GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const)('%s %s is answered 405', async (method, url, allow) => {
    const response = await server.app.inject({ method, url, headers: { origin: 'http://example.com' }, payload: 'x' });
    if (url === '/schedule/batch') {
      // What is not a batch is an id.
      expect(faultsOf(response)).toHaveProperty('task_id');
      return;
    }
    expect(problemOf(response)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(response.headers.allow).toBe(allow);
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('is answered 400 when the URL cannot be decoded', async () => {
    const response = await server.app.inject({ url: '/schedule/%zz' });
    expect(problemOf(response)).toMatchObject({ status: 400, errors: [{ field: 'url' }] });
  });
});

describe('the page that makes a request', () => {
  const host = 'hydra.example:5000';
  const drain = async (app: AppOnDatabase['app'], headers: Record<string, string>, method: 'POST' | 'GET' = 'POST') =>
    (await app.inject({ method, url: method === 'GET' ? '/workers' : '/workers/nobody/drain', headers })).statusCode;

  test.each<[string, Record<string, string>, number]>([
    ['none: it is no browser', {}, 404],
    ["Hydra's own", { origin: 'http://hydra.example:5000' }, 404],
    ["Hydra's own, in capitals", { origin: 'http://HYDRA.example:5000' }, 404],
    ["Hydra's own, says the browser", { origin: 'https://proxy.example', 'sec-fetch-site': 'same-origin' }, 404],
    ['none: somebody typed the address', { 'sec-fetch-site': 'none' }, 404],
    ['that of another port', { origin: 'http://hydra.example:5001' }, 403],
    ['that of another site', { origin: 'http://evil.example' }, 403],
    ['that of another site, says the browser', { 'sec-fetch-site': 'cross-site' }, 403],
    ['that of a neighbour', { origin: 'http://hydra.example:5000', 'sec-fetch-site': 'same-site' }, 403],
    ['a file', { origin: 'null' }, 403],
    ['nonsense', { origin: '://' }, 403],
  ])('is %s', async (_, headers, status) => {
    const open = await startApp(server.database.url, { allowedHosts: null });
    try {
      expect(await drain(open.app, { host, ...headers })).toBe(status);
      // Reading changes nothing.
      expect(await drain(open.app, { host, ...headers }, 'GET')).toBe(200);
    } finally {
      await open.close();
    }
  });

  test('may be reached under a name that is allowed', async () => {
    const named = await startApp(server.database.url, { allowedHosts: ['hydra.example'] });
    const origin = 'https://Hydra.example';
    expect(await drain(named.app, { host: '127.0.0.1:5000', origin, 'sec-fetch-site': 'same-site' })).toBe(404);
    expect(await drain(named.app, { host: '127.0.0.1:5000', origin: 'https://evil.example' })).toBe(403);
    await named.close();
  });

  test('is told why not', async () => {
    const headers = { origin: 'http://evil.example' };
    const response = await server.app.inject({ method: 'POST', url: '/workers/nobody/drain', headers });
    expect(problemOf(response)).toMatchObject({ status: 403, code: 'forbidden' });
    expect(faultsOf(response)).toEqual({
      origin: 'is a page of another site; only pages of this scheduler may do this',
    });
  });
});

describe('the Host of a request', () => {
  const statusFor = async (app: AppOnDatabase['app'], host: string) =>
    (await app.inject({ url: '/healthz', headers: { host } })).statusCode;

  test.each([
    ['', 200],
    ['localhost', 200],
    ['localhost:5000', 200],
    ['LOCALHOST:5000', 200],
    ['127.0.0.1:5000', 200],
    ['192.168.1.7', 200],
    ['[::1]:5000', 200],
    ['evil.example', 421],
    ['evil.example:5000', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
  ])('%s on a loopback address is answered %i', async (host, status) => {
    expect(await statusFor(server.app, host)).toBe(status);
  });

  test('may be any that is allowed', async () => {
    const named = await startApp(server.database.url, { allowedHosts: ['hydra.example'] });
    expect(await statusFor(named.app, 'Hydra.example:80')).toBe(200);
    expect(await statusFor(named.app, 'evil.example')).toBe(421);
    const refused = await named.app.inject({ url: '/healthz', headers: { host: 'evil.example' } });
    expect(faultsOf(refused).host).toContain('HYDRA_HTTP_ALLOWED_HOSTS');
    await named.close();

    const open = await startApp(server.database.url, { allowedHosts: null });
    expect(await statusFor(open.app, 'any.example')).toBe(200);
    await open.close();
  });
});
