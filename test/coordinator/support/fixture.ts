import { afterEach, beforeEach } from 'vitest';
import { readCoordinatorConfig } from '../../../src/coordinator/config.ts';
import { Coordinator } from '../../../src/coordinator/coordinator.ts';
import { DUE_CHANNEL } from '../../../src/db/channels.ts';
import { insertTasks } from '../../../src/db/insert-tasks.ts';
import { normaliseTask } from '../../../src/domain/task-input.ts';
import type { AttemptInHand, Registration } from '../../../src/rpc/messages.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { seedTask, storedTask, type TaskSeed } from '../../support/tasks.ts';
import { ScriptedWorker } from './scripted-worker.ts';

/* Real coordinators on a real database for each test of a file that imports this, and scripted workers for them. */

/** The database of the test that runs. */
export let database: TestDatabase;
const coordinators: Coordinator[] = [];
const workers: ScriptedWorker[] = [];
const callers: (() => void)[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.vanish();
  for (const hangUp of callers.splice(0)) hangUp();
  await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
  await database.close();
});

/** Its lease is 2 s unless said otherwise; it is stopped when the test ends. */
export async function startCoordinator(env: Record<string, string> = {}): Promise<Coordinator> {
  const config = readCoordinatorConfig({
    DATABASE_URL: database.url,
    HYDRA_GRPC_PORT: '0',
    HYDRA_LEASE_MS: '2000',
    HYDRA_LOG_LEVEL: 'silent',
    ...env,
  });
  const coordinator = new Coordinator(config, createLogger('coordinator', config.log));
  coordinators.push(coordinator);
  await coordinator.start();
  return coordinator;
}

/** Called when the test ends, before coordinators are stopped, which wait for calls that are open. */
export function beforeStop(hangUp: () => void): void {
  callers.push(hangUp);
}

/** Connects, and is disconnected when the test ends. */
export function worker(coordinator: Coordinator, registration: Partial<Registration> = {}): ScriptedWorker {
  return kept(new ScriptedWorker(coordinator.address, registration));
}

/** The same process in a new session, at the same coordinator or another one. */
export function again(
  before: ScriptedWorker,
  coordinator: Coordinator,
  inHand: readonly AttemptInHand[] = [],
): ScriptedWorker {
  return kept(before.again(coordinator.address, inHand));
}

function kept(scripted: ScriptedWorker): ScriptedWorker {
  workers.push(scripted);
  return scripted;
}

/** Connects and registers. */
export async function registered(
  coordinator: Coordinator,
  registration: Partial<Registration> = {},
): Promise<ScriptedWorker> {
  const scripted = worker(coordinator, registration);
  await scripted.register();
  return scripted;
}

/** Seeds a task and says so, as an insert does. */
export async function submit(seed: TaskSeed = {}): Promise<string> {
  const id = await seedTask(database.pool, seed);
  await database.pool.query(`NOTIFY ${DUE_CHANNEL}`);
  return id;
}

/** Submits what the API would take, and says so. */
export async function submitInput(input: Record<string, unknown>): Promise<string> {
  const parsed = normaliseTask({ command: 'true', ...input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const [inserted] = await insertTasks(database.pool, [parsed.task]);
  // Not every insert does: what is due later is found by polling.
  await database.pool.query(`NOTIFY ${DUE_CHANNEL}`);
  return inserted!.id;
}

/** An instant of the API. */
export function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

/** Looks again until the row is as expected; the test's own limit bounds it. */
export async function until(id: string, wanted: Partial<Awaited<ReturnType<typeof storedTask>>>) {
  for (;;) {
    const row = await storedTask(database.pool, id);
    if (Object.entries(wanted).every(([key, value]) => row[key as keyof typeof row] === value)) return row;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
