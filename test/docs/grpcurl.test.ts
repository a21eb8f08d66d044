import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCoordinatorConfig } from '../../src/coordinator/config.ts';
import { Coordinator } from '../../src/coordinator/coordinator.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { readWorkerConfig } from '../../src/worker/config.ts';
import { systemLookup } from '../../src/worker/coordinator-addresses.ts';
import { ALLOW_ALL } from '../../src/worker/policy.ts';
import { Worker } from '../../src/worker/worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { readExamples, type Example } from './support/examples.ts';
import { GrpcCalls } from './support/grpc-calls.ts';
import { Told, type Json, type JsonObject } from './support/told.ts';

/*
 * docs/grpcurl.md is read as a script: each request in it is sent, in order, to a real coordinator with two workers, and
 * must be answered as the page says. Ids, instants and process ids are those of this run; everything else is compared.
 */

const EXAMPLES = readExamples(readFileSync(new URL('../../docs/grpcurl.md', import.meta.url), 'utf8'));

/** How long commands may take to run, and reports to be recorded. */
const DEADLINE_MS = 20_000;

let database: TestDatabase;
let coordinator: Coordinator;
let calls: GrpcCalls;
const workers: Worker[] = [];

beforeAll(async () => {
  const logger = createLogger('test', { level: 'silent', format: 'json' });
  database = await createTestDatabase();
  coordinator = new Coordinator(readCoordinatorConfig({ DATABASE_URL: database.url, HYDRA_GRPC_PORT: '0' }), logger);
  await coordinator.start();
  calls = new GrpcCalls(coordinator.address);
  for (const id of ['worker-1', 'worker-2']) {
    const environment = { PATH: process.env.PATH, HYDRA_COORDINATORS: coordinator.address, HYDRA_WORKER_ID: id };
    const config = readWorkerConfig(environment);
    const parts = { policy: ALLOW_ALL, workerMark: null, cgroupControllers: [], lookup: systemLookup };
    workers.push(new Worker({ config, ...parts, hostname: 'host', environment, logger }));
  }
  await Promise.all(workers.map((worker) => worker.start()));
});
afterAll(async () => {
  calls.close();
  await Promise.all(workers.map((worker) => worker.kill()));
  await coordinator.stop();
  await database.close();
});

describe('docs/grpcurl.md', () => {
  test('is answered as it says', async () => {
    const told = new Told();
    let events: readonly JsonObject[] = [];
    for (const example of EXAMPLES) {
      const { output, symbol, verb } = example;
      if (verb === 'list') {
        expect(symbol === '' ? await calls.listServices() : calls.listMethods(symbol)).toEqual(output.split('\n'));
      } else if (verb === 'describe') {
        expect(calls.listFields(symbol)).toEqual(output.match(/\w+ = \d+(?=;)/g));
      } else if (verb === 'hydra.v1.Debug/WatchEvents') {
        events = calls.watch(verb, JSON.parse(example.request) as object);
      } else if (verb === 'events') {
        const expected = JSON.parse(`[${output.replaceAll(/^}\n{/gm, '},{')}]`) as { task_id: string }[];
        const ids: Json[] = expected.map((event) => told.translate(event.task_id));
        const ofThese = () => events.filter(({ task_id: id = '' }) => ids.includes(id));
        await untilEqual(() => Promise.resolve(ofThese()), told, expected);
      } else {
        await check(example, told);
      }
    }
  });

  test('shows every method of the debugging service', () => {
    const shown = new Set(EXAMPLES.map(({ verb }) => verb.replace('/', '.')));
    expect(calls.listMethods('hydra.v1.Debug').filter((method) => !shown.has(method))).toEqual([]);
  });
});

async function check({ verb, request, output }: Example, told: Told): Promise<void> {
  const body = JSON.parse(told.translate(request)) as object;
  if (output.startsWith('ERROR:')) {
    const [, code = '', details = ''] = /Code: (\w+)\s+Message: (.*)/.exec(output) ?? [];
    await expect(calls.call(verb, body)).rejects.toMatchObject({
      code: statusOf(code),
      details: told.translate(details),
    });
  } else if (/\/(Get|List|Check|Standing)/.test(verb)) {
    await untilEqual(() => calls.call(verb, body), told, JSON.parse(output) as Json);
  } else {
    const { actual, expected } = told.compare(JSON.parse(output) as Json, await calls.call(verb, body));
    expect(actual).toEqual(expected);
  }
}

/** Asks again until the answer is as told; fails with the difference. */
async function untilEqual(ask: () => Promise<Json>, told: Told, output: Json): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; ;) {
    const { actual, expected } = told.compare(output, await ask());
    if (JSON.stringify(actual) === JSON.stringify(expected)) return;
    if (performance.now() > deadline) expect(actual).toEqual(expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `FailedPrecondition` → `FAILED_PRECONDITION` */
function statusOf(name: string): status {
  return status[name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as keyof typeof status];
}
