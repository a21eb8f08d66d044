import { createServer, type Socket } from 'node:net';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { services } from '../../src/rpc/load-proto.ts';
import type { Answer } from '../../src/worker/answer.ts';
import { CoordinatorAddresses, type Lookup } from '../../src/worker/coordinator-addresses.ts';
import { Survey, type Answers } from '../../src/worker/survey.ts';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';
import { deadAddress } from './support/test-worker.ts';

const now = () => performance.now();
const noLookup: Lookup = (host) => Promise.reject(new Error(`nobody should look up ${host}`));

interface Options {
  readonly lookup?: Lookup;
  readonly own?: string;
  readonly patient?: boolean;
  readonly timeoutMs?: number;
}

interface Outcome {
  readonly answers: Answers;
  /** Who was asked. */
  readonly located: readonly string[];
  /** What was told at once, in the order in which it was. */
  readonly told: readonly string[];
  readonly tookMs: number;
}

async function survey(configured: readonly string[], options: Options = {}): Promise<Outcome> {
  const startedAtMs = now();
  let located: readonly string[] = [];
  const told: string[] = [];
  return new Promise((resolve) => {
    new Survey({
      addresses: new CoordinatorAddresses(configured, options.lookup ?? noLookup, now),
      own: options.own ?? null,
      now,
      timeoutMs: options.timeoutMs ?? 20_000,
      patient: options.patient ?? false,
      onLocated: (addresses) => (located = [...addresses].sort()),
      onAnswer: (address) => told.push(address),
      onDone: (answers) => resolve({ answers, located, told, tookMs: now() - startedAtMs }),
    });
  });
}

/** Takes connections and says nothing. */
async function deafAddress(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as { port: number }).port}`)),
  );
}

describe('each answer', () => {
  test('is what the coordinator says of itself', async () => {
    const [busy, cutOff, stopping] = await Promise.all([1, 2, 3].map(() => ScriptedCoordinator.start()));
    busy!.standing = { kind: 'renewing', sessions: 7 };
    cutOff!.standing = { kind: 'holds_off', holdsOffMs: 15_000 };
    stopping!.standing = { kind: 'unavailable', holdsOffMs: 14_000 };
    const before = now();
    const { answers } = await survey([busy!.address, cutOff!.address, stopping!.address], { patient: true });
    expect(answers.get(busy!.address)).toEqual({ kind: 'renewing', coordinatorId: busy!.id, sessions: 7 });
    const askedAtMs = expect.any(Number) as number;
    const [one, other] = [answers.get(cutOff!.address), answers.get(stopping!.address)];
    expect(one).toEqual({ kind: 'holds_off', askedAtMs, holdsOffMs: 15_000, why: 'cannot reach PostgreSQL' });
    expect(other).toEqual({ kind: 'holds_off', askedAtMs, holdsOffMs: 14_000, why: 'does not serve: it stops' });
    for (const { askedAtMs: atMs } of [one, other] as { askedAtMs: number }[]) {
      expect(atMs).toBeGreaterThanOrEqual(before);
      expect(atMs).toBeLessThan(now());
    }
  });

  test('of a closed port is that nobody is there', async () => {
    const address = await deadAddress();
    const { answers } = await survey([address, '[::1]:1']);
    expect(answers.get(address)).toEqual({
      kind: 'absent',
      askedAtMs: expect.any(Number) as number,
      why: 'refuses connections',
    });
    // Refused, too, or there is no such address here.
    expect(answers.get('[::1]:1')).toMatchObject({
      why: expect.stringMatching(/^refuses|^cannot be connected/) as string,
    });
  });

  test('of an older version is that it does not say', async () => {
    const coordinator = await ScriptedCoordinator.start();
    coordinator.standing = { kind: 'unimplemented' };
    const { answers } = await survey([coordinator.address]);
    expect(answers.get(coordinator.address)?.kind).toBe('older');
  });

  test('is not believed to be of nobody when a coordinator quotes what was refused to it', async () => {
    const server = new Server();
    const refusal = 'PostgreSQL is unavailable: connect ECONNREFUSED 127.0.0.1:5432';
    server.addService(services().Coordinator.service, {
      Session: () => undefined,
      Stdin: () => undefined,
      Standing: (_: unknown, answer: (error: object) => void) => answer({ code: status.UNAVAILABLE, details: refusal }),
    });
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    onTestFinished(() => server.forceShutdown());
    const { answers } = await survey([`127.0.0.1:${port}`]);
    const expected: Answer = { kind: 'unknown', why: `fails with UNAVAILABLE: ${refusal}` };
    expect(answers.get(`127.0.0.1:${port}`)).toEqual(expected);
  });

  test('of one that takes connections and says nothing is unknown when the time is over', async () => {
    const [deaf, cutOff] = [await deafAddress(), await ScriptedCoordinator.start()];
    cutOff.standing = { kind: 'holds_off', holdsOffMs: 1 };
    const { answers, told, tookMs } = await survey([deaf, cutOff.address], { timeoutMs: 700 });
    expect(answers.get(deaf)).toEqual({ kind: 'unknown', why: 'does not answer' });
    expect(told).toEqual([cutOff.address, deaf]);
    expect(tookMs).toBeGreaterThanOrEqual(699);
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe('waits', () => {
  test('a moment only for the others when one serves', async () => {
    const [serving, slow] = await Promise.all([1, 2].map(() => ScriptedCoordinator.start()));
    slow!.standing = { kind: 'hangs' };
    const { answers, tookMs } = await survey([slow!.address, serving!.address]);
    expect([...answers.keys()]).toEqual([serving!.address]);
    expect(tookMs).toBeLessThan(10_000);
  });

  test('for all of them when it has the patience', async () => {
    const [serving, slow] = await Promise.all([1, 2].map(() => ScriptedCoordinator.start()));
    slow!.standing = { kind: 'hangs' };
    const { answers } = await survey([slow!.address, serving!.address], { patient: true, timeoutMs: 800 });
    expect([...answers.keys()].sort()).toEqual([serving!.address, slow!.address].sort());
  });

  test('for no answer after it was cancelled', async () => {
    const coordinator = await ScriptedCoordinator.start();
    const heard: string[] = [];
    const cancelled = new Survey({
      addresses: new CoordinatorAddresses([coordinator.address], noLookup, now),
      own: null,
      now,
      timeoutMs: 20_000,
      patient: false,
      onLocated: () => {
        cancelled.cancel();
        heard.push('located');
      },
      onAnswer: () => heard.push('answer'),
      onDone: () => heard.push('done'),
    });
    await survey([coordinator.address]);
    expect(heard).toEqual(['located']);
  });
});

describe('asks', () => {
  test('all addresses of a name', async () => {
    const coordinator = await ScriptedCoordinator.start('127.0.0.1');
    const second = await ScriptedCoordinator.start('127.0.0.2', coordinator.port);
    const lookup: Lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    const { answers } = await survey([`coordinators.example:${coordinator.port}`], { lookup, patient: true });
    expect(
      [...answers].map(([address, answer]) => [address, answer.kind === 'renewing' && answer.coordinatorId]),
    ).toEqual(
      expect.arrayContaining([
        [`127.0.0.1:${coordinator.port}`, coordinator.id],
        [`127.0.0.2:${coordinator.port}`, second.id],
      ]),
    );
  });

  test('its own coordinator also when no name leads there any more', async () => {
    const [own, other] = await Promise.all([1, 2].map(() => ScriptedCoordinator.start()));
    const { answers, located } = await survey([other!.address], { own: own!.address, patient: true });
    expect([...answers.keys()].sort()).toEqual([own!.address, other!.address].sort());
    expect(located).toEqual([own!.address, other!.address].sort());
  });

  test('nobody when no name leads anywhere, and is done', async () => {
    const lookup: Lookup = () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    const { answers, located } = await survey(['one.example:1', 'two.example:1'], { lookup });
    expect([...answers].map(([name, { kind }]) => [name, kind])).toEqual([
      ['one.example:1', 'absent'],
      ['two.example:1', 'absent'],
    ]);
    expect(located).toEqual(['one.example:1', 'two.example:1']);
  });
});
