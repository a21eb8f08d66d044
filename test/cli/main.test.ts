import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Link } from '../../chaos/link.ts';
import { Ports } from '../../chaos/ports.ts';
import { freePort } from '../../src/cli/free-port.ts';
import { VERSION } from '../../src/runtime/version.ts';
import { createTestDatabase } from '../support/database.ts';
import { HydraProcess } from '../support/hydra-process.ts';

/** Runs the command to its end. */
async function hydra(args: readonly string[], env: Record<string, string> = {}) {
  const process = new HydraProcess(`hydra ${args.join(' ')}`, args, env, { alone: true });
  const { code } = await process.exited;
  return { code, output: process.output };
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('--version is that of the package', async () => {
  expect(await hydra(['--version'])).toEqual({ code: 0, output: `${VERSION}\n` });
});

test('--help names every command', async () => {
  const { code, output } = await hydra(['--help']);
  expect(code).toBe(0);
  for (const name of ['up', 'scheduler', 'coordinator', 'worker', 'migrate', 'check'])
    expect(output).toContain(`  ${name} `);
});

test.each([
  ['up', ['HYDRA_HTTP_PORT', 'HYDRA_DATA_DIR', 'DATABASE_URL', '--workers <n>', '(default: .hydra)']],
  ['scheduler', ['HYDRA_HTTP_PORT', 'POSTGRES_HOST', '(default: 5000)']],
  ['coordinator', ['HYDRA_GRPC_PORT', 'HYDRA_LOOKAHEAD_MS', '(default: 30000)']],
  ['worker', ['HYDRA_COORDINATORS', 'HYDRA_SLOTS', '(default: 127.0.0.1:5001)']],
  ['migrate', ['DATABASE_URL', '--wait <seconds>', '(default: 30)']],
])('%s --help describes its configuration', async (command, expected) => {
  const { code, output } = await hydra([command, '--help']);
  expect(code).toBe(0);
  for (const text of expected) expect(output).toContain(text);
});

test.each([
  { args: ['nonsense'], help: 'hydra --help' },
  { args: ['up', '--nonsense'], help: 'hydra up --help' },
  { args: ['check'], help: 'hydra check --help' },
])('hydra $args is refused with status 2, and says where help is', async ({ args, help }) => {
  const { code, output } = await hydra(args);
  expect(code).toBe(2);
  expect(output).toMatch(/^error: /);
  expect(output).toContain(`See ${help}.`);
});

test('a variable that looks like one of ours is warned about, and does not stop anything', async () => {
  const port = String(await freePort());
  const env = { HYDRA_LOOKAHED_MS: '1', HYDRA_MIGRATE_WAIT_S: '0', DATABASE_URL: `postgres://127.0.0.1:${port}/x` };
  const { output } = await hydra(['migrate'], env);
  expect(output).toContain(
    'HYDRA_LOOKAHED_MS is not a variable of Hydra and has no effect; did you mean HYDRA_LOOKAHEAD_MS?',
  );
  expect(output).toContain('could not bring the database up to date: connect ECONNREFUSED');
});

test.each(['scheduler', 'coordinator', 'worker'])('%s names all faults of its configuration at once', async (part) => {
  const { code, output } = await hydra([part], { HYDRA_LOG_LEVEL: 'loud', HYDRA_LOG_FORMAT: 'xml' });
  expect(code).toBe(2);
  expect(output).toContain('hydra: the configuration has 2 faults:');
  expect(output).toMatch(/HYDRA_LOG_LEVEL is "loud"; give one of fatal, /);
  expect(output).toContain('HYDRA_LOG_FORMAT is "xml"; give one of json, pretty');
});

describe('migrate', () => {
  test('names what it applied, and then nothing', async () => {
    const database = await createTestDatabase({ migrated: false });
    cleanups.push(() => database.close());
    const first = await hydra(['migrate'], { DATABASE_URL: database.url });
    expect(first.code).toBe(0);
    expect(first.output).toMatch(/^(applied \d{4}_\w+\n)+the database is up to date\n$/);
    expect(await hydra(['migrate'], { DATABASE_URL: database.url })).toEqual({
      code: 0,
      output: 'the database is up to date\n',
    });
  });

  test('takes the original POSTGRES_… variables', async () => {
    const database = await createTestDatabase();
    cleanups.push(() => database.close());
    const url = new URL(database.url);
    const { code, output } = await hydra(['migrate'], {
      POSTGRES_HOST: url.hostname,
      POSTGRES_PORT: url.port,
      POSTGRES_DB: url.pathname.slice(1),
      POSTGRES_USER: url.username,
      POSTGRES_PASSWORD: url.password,
    });
    expect({ code, output }).toEqual({ code: 0, output: 'the database is up to date\n' });
  });

  test('waits for a PostgreSQL that is not there yet, and says so', async () => {
    const database = await createTestDatabase({ migrated: false });
    cleanups.push(() => database.close());
    const url = new URL(database.url);
    const port = await new Ports().next();
    const link = new Link('to PostgreSQL', port, Number(url.port));
    cleanups.push(() => {
      link.close();
      return Promise.resolve();
    });
    url.port = String(port);
    const process = new HydraProcess('hydra migrate', ['migrate'], { DATABASE_URL: url.href }, { alone: true });
    await process.waitForOutput(/"reason":"connect ECONNREFUSED.*PostgreSQL does not answer yet; waiting for it/);
    link.open();
    expect(await process.exited).toEqual({ code: 0, signal: null });
    expect(process.output).toContain('the database is up to date');
  });

  test('does not wait for what waiting cannot mend', async () => {
    const database = await createTestDatabase();
    cleanups.push(() => database.close());
    const url = new URL(database.url);
    url.password = 'wrong';
    const { code, output } = await hydra(['migrate', '--wait', '3600'], { DATABASE_URL: url.href });
    expect(code).toBe(1);
    expect(output).toContain('could not bring the database up to date: password authentication failed');
  });

  test('names a faulty flag by its name, together with faulty variables', async () => {
    const { code, output } = await hydra(['migrate', '--wait', 'long'], { DATABASE_URL: 'mysql://' });
    expect(code).toBe(2);
    expect(output).toContain('--wait is "long"; give a whole number from 0 to 3600');
    expect(output).toContain('DATABASE_URL is "mysql://"');
  });
});

describe('check', () => {
  async function serveHttp(status: number, body: string): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`;
  }

  async function serveGrpc(status: 'SERVING' | 'NOT_SERVING'): Promise<string> {
    const server = new Server();
    new HealthImplementation({ '': status }).addToServer(server);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    cleanups.push(() => new Promise((resolve) => server.tryShutdown(resolve)));
    return `grpc://127.0.0.1:${port}`;
  }

  test('is silent and ends with 0 when HTTP answers 200', async () => {
    expect(await hydra(['check', await serveHttp(200, 'ok')])).toEqual({ code: 0, output: '' });
  });

  test('says what HTTP answered when that is not 2xx', async () => {
    const url = await serveHttp(503, 'no database');
    expect(await hydra(['check', url])).toEqual({ code: 1, output: `hydra: ${url} answers 503: no database\n` });
  });

  test('is silent and ends with 0 when gRPC serves', async () => {
    expect(await hydra(['check', await serveGrpc('SERVING')])).toEqual({ code: 0, output: '' });
  });

  test('says so when gRPC does not serve', async () => {
    const url = await serveGrpc('NOT_SERVING');
    expect(await hydra(['check', url])).toEqual({ code: 1, output: `hydra: ${url} answers NOT_SERVING\n` });
  });

  test.each(['http', 'grpc'])('says so when nobody listens (%s)', async (scheme) => {
    const url = `${scheme}://127.0.0.1:${await freePort()}`;
    const { code, output } = await hydra(['check', url]);
    expect(code).toBe(1);
    expect(output).toContain(`hydra: ${url} does not answer: `);
    expect(output).toContain('ECONNREFUSED');
  });

  test('says what a URL looks like', async () => {
    const { code, output } = await hydra(['check', 'localhost:5000']);
    expect(code).toBe(1);
    expect(output).toContain('give http://host:port/path or grpc://host:port');
  });
});
