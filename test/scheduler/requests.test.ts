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
    ['OPTIONS', '/schedule', 'POST, GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const)('%s %s is answered 405', async (method, url, allow) => {
    const response = await server.app.inject({ method, url, headers: { origin: 'http://example.com' }, payload: 'x' });
    if (method === 'GET') {
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
    const named = await startApp(server.database.url, ['hydra.example']);
    expect(await statusFor(named.app, 'Hydra.example:80')).toBe(200);
    expect(await statusFor(named.app, 'evil.example')).toBe(421);
    const refused = await named.app.inject({ url: '/healthz', headers: { host: 'evil.example' } });
    expect(faultsOf(refused).host).toContain('HYDRA_HTTP_ALLOWED_HOSTS');
    await named.close();

    const open = await startApp(server.database.url, null);
    expect(await statusFor(open.app, 'any.example')).toBe(200);
    await open.close();
  });
});
