import type { LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import type pg from 'pg';
import { createPool } from '../../../src/db/pool.ts';
import { serializeError } from '../../../src/runtime/logger.ts';
import { buildApp } from '../../../src/scheduler/app.ts';
import { LIMITS, type Limits } from '../../../src/scheduler/limits.ts';
import { buildServices, type App, type Services } from '../../../src/scheduler/services.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

export interface TestApp {
  readonly app: App;
  readonly services: Services;
  /** The app's own, not the test's. */
  readonly pool: pg.Pool;
  /** Lines at the level and above. */
  readonly log: readonly { readonly level: number; readonly msg: string }[];
  close(): Promise<void>;
}

export interface TestAppOptions {
  /** Nothing beside `localhost` and IP addresses, unless said otherwise. */
  readonly allowedHosts?: readonly string[] | null;
  /** From which level on lines are kept; `warn`, unless said otherwise. */
  readonly level?: string;
  /** As they are, unless said otherwise. */
  readonly limits?: Partial<Limits>;
}

/** The REST API on a database, not listening. */
export async function startApp(url: string, options: TestAppOptions = {}): Promise<TestApp> {
  const { allowedHosts = [], level = 'warn', limits } = options;
  const log: { level: number; msg: string }[] = [];
  const write = (line: string) => log.push(JSON.parse(line) as { level: number; msg: string });
  const logger = pino({ level, serializers: { err: serializeError } }, { write });
  const pool = createPool({
    url,
    size: 5,
    applicationName: 'app under test',
    onIdleError: () => undefined,
    onOperatorFault: () => undefined,
  });
  const services = buildServices(pool, logger, { ...LIMITS, ...limits });
  const app = await buildApp(services, { logger, allowedHosts });
  const close = async () => {
    await app.close();
    await services.batcher.stop();
    await services.announcer.stop();
    await pool.end();
  };
  return { app, services, pool, log, close };
}

export interface AppOnDatabase extends TestApp {
  readonly database: TestDatabase;
}

/** The REST API on a database of its own. */
export async function startAppOnDatabase(options: TestAppOptions = {}): Promise<AppOnDatabase> {
  const database = await createTestDatabase();
  const started = await startApp(database.url, options);
  const close = async () => {
    await started.close();
    await database.close();
  };
  return { ...started, database, close };
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

/** The problem in an answer; throws when there is none. */
export function problemOf(response: LightMyRequestResponse): ProblemBody {
  const type = response.headers['content-type'];
  if (type !== 'application/problem+json; charset=utf-8') {
    throw new Error(`expected a problem, got ${response.statusCode} ${String(type)}: ${response.body}`);
  }
  const problem = response.json<ProblemBody>();
  if (problem.status !== response.statusCode) throw new Error(`${problem.status} is not ${response.statusCode}`);
  return problem;
}

/** Field → message. */
export function faultsOf(response: LightMyRequestResponse): Record<string, string> {
  return Object.fromEntries(problemOf(response).errors.map(({ field, message }) => [field, message]));
}
