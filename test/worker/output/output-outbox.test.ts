import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OutputPiece } from '../../../src/domain/output.ts';
import type { OutputStream } from '../../../src/domain/output-slice.ts';
import type { AttemptRef, OutputChunk } from '../../../src/rpc/messages.ts';
import type { AttemptOutput, AttemptOutputOptions } from '../../../src/worker/output/attempt-output.ts';
import { OutputOutbox } from '../../../src/worker/output/output-outbox.ts';
import { OutputModel, Written } from '../../support/output-model.ts';

const KIB = 1024;
const WINDOW = 256 * KIB;

// Only timers: what waits a second in the worker shall not in its tests.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Long enough for everything that is due at once to have happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass, and all that happens in it. */
async function pass(ms: number): Promise<void> {
  await turns();
  await vi.advanceTimersByTimeAsync(ms);
  await turns();
}

/** The other side of an outbox: what it was sent, and what it acknowledges when the test says so. */
class Coordinator {
  /** Not acknowledged; of this session. */
  readonly unacknowledged: OutputChunk[] = [];
  readonly all: OutputChunk[] = [];
  readonly #models = new Map<string, OutputModel>();

  constructor(
    private readonly outbox: OutputOutbox,
    private readonly windowBytes = WINDOW,
  ) {
    this.connect();
  }

  connect(): void {
    this.unacknowledged.length = 0;
    this.outbox.open(({ chunks }, taken) => {
      this.all.push(...chunks);
      this.unacknowledged.push(...chunks);
      setImmediate(taken);
    }, this.windowBytes);
  }

  /** The oldest so many are stored; unless the session breaks first, the worker hears of it. */
  store(count = Infinity, tell = true): void {
    const stored = this.unacknowledged.splice(0, count);
    for (const chunk of stored) this.of(chunk.ref).store(chunk);
    if (tell) this.outbox.acknowledged({ kind: 'output_ack', stored, superseded: [] });
  }

  of(ref: AttemptRef): OutputModel {
    const model = this.#models.get(ref.taskId) ?? new OutputModel();
    this.#models.set(ref.taskId, model);
    return model;
  }

  get unacknowledgedBytes(): number {
    return this.unacknowledged.reduce((sum, { data }) => sum + data.length, 0);
  }
}

/** An attempt whose streams the test writes to. */
class Attempt {
  readonly ref = { taskId: randomUUID(), attempt: 1 };
  readonly streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  readonly written = new Written();
  readonly output: AttemptOutput;
  inline: readonly OutputPiece[] | null = null;

  constructor(outbox: OutputOutbox, options: Partial<AttemptOutputOptions> = {}) {
    this.output = outbox.begin(this.ref, { limitBytes: 1024 * KIB, secrets: [], onLimit: null, ...options });
    void this.output.read(this.streams.stdout, this.streams.stderr);
  }

  async write(stream: OutputStream, bytes: Buffer): Promise<void> {
    this.written.add(stream, bytes);
    for (let at = 0; at < bytes.length; at += 64 * KIB) {
      this.streams[stream].write(bytes.subarray(at, at + 64 * KIB));
      await turns();
      // The pace is kept by timers, which do not run by themselves here.
      while (this.streams[stream].isPaused()) await pass(10);
    }
  }

  finish(): void {
    void this.output.finish().then((inline) => (this.inline = inline));
  }

  /** What is stored once the result is. */
  stored(coordinator: Coordinator): OutputModel {
    const model = coordinator.of(this.ref);
    for (const piece of this.inline ?? []) model.store(piece);
    return model;
  }
}

function pair(windowBytes = WINDOW) {
  const hits: string[] = [];
  const outbox = new OutputOutbox({ now: () => performance.now(), onBound: (bound) => hits.push(bound) });
  return { hits, outbox, coordinator: new Coordinator(outbox, windowBytes) };
}

/** Bytes that differ from place to place. */
const noise = (length: number, seed = 1) =>
  Buffer.from(Array.from({ length }, (_, i) => ((i + seed) * 2654435761) >>> 7));

/** From where to where bytes are kept. */
function keptRanges(total: number, limitBytes: number): number[][] {
  if (total === 0) return [];
  if (total <= limitBytes) return [[0, total]];
  const head = Math.floor(limitBytes / 2);
  const tail = [total - (limitBytes - head), total];
  return head === 0 ? [tail] : [[0, head], tail];
}

describe('a short command', () => {
  test('has all of its output in its result, at once', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', Buffer.from('out\n'));
    await attempt.write('stderr', Buffer.from('err\n'));
    await attempt.write('stdout', Buffer.from('more\n'));
    expect(await attempt.output.finish()).toEqual([
      {
        start: 0,
        data: Buffer.from('out\nerr\nmore\n'),
        segments: [4, -4, 5],
        stdoutEnd: 9,
        stderrEnd: 4,
        replacesFrom: null,
      },
    ]);
    expect(coordinator.all).toEqual([]);
    expect(outbox.heldBytes).toBe(0);
  });

  test('that writes nothing has none, and neither does it wait for a session', async () => {
    const outbox = new OutputOutbox({ now: () => performance.now(), onBound: () => undefined });
    const silent = new Attempt(outbox);
    expect(await silent.output.finish()).toEqual([]);
    const brief = new Attempt(outbox);
    await brief.write('stdout', Buffer.from('x'));
    expect(await brief.output.finish()).toHaveLength(1);
  });

  test('may be told to keep nothing, and then says only how much it wrote', async () => {
    const { outbox } = pair();
    const attempt = new Attempt(outbox, { limitBytes: 0 });
    await attempt.write('stdout', Buffer.from('out'));
    await attempt.write('stderr', Buffer.from('err!'));
    await pass(5_000);
    expect(await attempt.output.finish()).toEqual([
      { start: 7, data: Buffer.alloc(0), segments: [], stdoutEnd: 3, stderrEnd: 4, replacesFrom: null },
    ]);
  });
});

describe('while a command runs', () => {
  test('what it writes is sent after 200 ms or 64 KiB', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', Buffer.from('hello'));
    await pass(199);
    expect(coordinator.all).toEqual([]);
    await pass(1);
    expect(coordinator.all).toMatchObject([{ ref: attempt.ref, start: 0, data: Buffer.from('hello') }]);
    coordinator.store();
    await attempt.write('stdout', noise(65 * KIB));
    expect(coordinator.all.slice(1).map(({ start, data }) => [start, data.length])).toEqual([[5, 64 * KIB]]);
  });

  test('a little is not sent before what was sent before is acknowledged', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', Buffer.from('a'));
    await pass(200);
    for (let i = 0; i < 5; i++) {
      await attempt.write('stdout', Buffer.from('b'));
      await pass(1_000);
    }
    expect(coordinator.all).toHaveLength(1);
    coordinator.store();
    await turns();
    expect(coordinator.all.map(({ data }) => data.toString())).toEqual(['a', 'bbbbb']);
  });

  test('past the head the newest is sent once a second; at the end the whole tail takes its place', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox, { limitBytes: 200 * KIB });
    await attempt.write('stdout', noise(150 * KIB));
    coordinator.store();
    await pass(200);
    coordinator.store();
    const model = coordinator.of(attempt.ref);
    expect(model.ranges).toEqual([
      [0, 100 * KIB],
      [118 * KIB, 150 * KIB],
    ]);
    await attempt.write('stderr', noise(90 * KIB, 3));
    await pass(900);
    expect(coordinator.unacknowledged).toEqual([]);
    await pass(100);
    coordinator.store();
    expect(model.ranges).toEqual([
      [0, 100 * KIB],
      [208 * KIB, 240 * KIB],
    ]);
    attempt.finish();
    await turns();
    coordinator.store();
    await turns();
    expect(attempt.inline).toEqual([]);
    expect(model.ranges).toEqual([
      [0, 100 * KIB],
      [140 * KIB, 240 * KIB],
    ]);
    expect(model.pieces.map((piece) => attempt.written.faultOf(piece))).toEqual(model.pieces.map(() => null));
  });

  test('one that goes on and on past the head never stores more than the limit', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox, { limitBytes: 200 * KIB });
    const model = coordinator.of(attempt.ref);
    await attempt.write('stdout', noise(100 * KIB));
    coordinator.store();
    let most = 0;
    for (let i = 0; i < 30; i++) {
      await attempt.write('stdout', noise(9 * KIB, i));
      await pass(1_000);
      coordinator.store();
      most = Math.max(
        most,
        model.pieces.reduce((sum, { data }) => sum + data.length, 0),
      );
      // Always the newest, and at most one gap.
      expect(model.ranges.at(-1)?.[1]).toBe(attempt.written.total);
      expect(model.ranges.length).toBeLessThanOrEqual(2);
    }
    expect(most).toBeGreaterThan(150 * KIB);
    expect(most).toBeLessThanOrEqual(200 * KIB);
  });

  test('what was shown of a tail that is whole is not sent again', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox, { limitBytes: 200 * KIB });
    await attempt.write('stdout', noise(120 * KIB));
    for (let i = 0; i < 4; i++) {
      await pass(1_000);
      coordinator.store();
    }
    expect(coordinator.of(attempt.ref).ranges).toEqual([[0, 120 * KIB]]);
    await attempt.write('stdout', Buffer.from('the end'));
    attempt.finish();
    await turns();
    expect(attempt.inline).toMatchObject([{ start: 120 * KIB, data: Buffer.from('the end'), replacesFrom: null }]);
  });

  test('secrets are masked, and what may begin one is held back for a moment', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox, { secrets: ['s3cr3t'] });
    for (const part of ['name? s3', 'cr3', 't; s3']) attempt.streams.stdout.write(part);
    attempt.streams.stderr.write('cr3t');
    await turns();
    await pass(199);
    await pass(201);
    coordinator.store();
    await pass(200);
    coordinator.store();
    const bytes = coordinator.all.map(({ data }) => data.toString()).join('');
    // Each stream on its own: what the two write in turn is no secret.
    expect(bytes).toBe('name? ***; cr3ts3');
    attempt.streams.stdout.write('cr3');
    await turns();
    expect((await attempt.output.finish()).map(({ data }) => data.toString())).toEqual(['cr3']);
  });

  test('says once that it wrote more than is kept', async () => {
    const { hits, outbox } = pair();
    const onLimit = vi.fn();
    const attempt = new Attempt(outbox, { limitBytes: 10, onLimit });
    await attempt.write('stdout', Buffer.from('0123456789'));
    expect(onLimit).not.toHaveBeenCalled();
    await attempt.write('stdout', Buffer.from('0'));
    await attempt.write('stderr', Buffer.from('0'));
    expect(onLimit).toHaveBeenCalledOnce();
    expect(hits).toEqual(['output_limit']);
  });

  test('what is written after it is released is read and not kept', async () => {
    const { outbox } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', Buffer.from('kept'));
    attempt.output.release();
    const finished = attempt.output.finish();
    await attempt.write('stdout', noise(1024 * KIB));
    expect((await finished).map(({ data }) => data.toString())).toEqual(['kept']);
    expect(outbox.heldBytes).toBe(0);
  });
});

describe('sessions', () => {
  test('no more is sent than the window, a piece of each in turn', async () => {
    const { outbox, coordinator } = pair();
    const attempts = [new Attempt(outbox), new Attempt(outbox), new Attempt(outbox)];
    for (const attempt of attempts) await attempt.write('stdout', noise(300 * KIB));
    expect(coordinator.unacknowledgedBytes).toBe(WINDOW);
    let most = 0;
    for (let i = 0; i < 100 && coordinator.unacknowledged.length > 0; i++) {
      coordinator.store(1);
      await turns();
      most = Math.max(most, coordinator.unacknowledgedBytes);
    }
    expect(most).toBe(WINDOW);
    const order = coordinator.all.slice(-9).map(({ ref }) => attempts.findIndex((attempt) => attempt.ref === ref));
    expect(new Set(order.slice(0, 3)).size).toBe(3);
    expect(coordinator.all).toHaveLength(12);
  });

  test('a window that is full counts once for each time that something has to wait', async () => {
    const { hits, outbox, coordinator } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', noise(256 * KIB));
    expect(coordinator.unacknowledgedBytes).toBe(WINDOW);
    expect(hits).toEqual([]); // nothing waits
    await attempt.write('stdout', noise(128 * KIB));
    await attempt.write('stdout', noise(64 * KIB));
    expect(hits).toEqual(['output_window']);
    coordinator.store(1);
    await turns();
    expect(hits).toEqual(['output_window', 'output_window']);
    coordinator.store();
    await turns();
    expect(coordinator.unacknowledgedBytes).toBe(128 * KIB);
    expect(hits).toHaveLength(2);
  });

  test('what is discarded is not sent any more, and finishes with nothing', async () => {
    const { outbox, coordinator } = pair();
    const flood = new Attempt(outbox);
    await flood.write('stdout', noise(900 * KIB));
    const finished = flood.output.finish();
    flood.output.discard();
    expect(await finished).toEqual([]);
    expect(await flood.output.finish()).toEqual([]);
    const other = new Attempt(outbox);
    await other.write('stdout', noise(100 * KIB));
    // What was sent of it is on its way all the same, and takes up the window until it is answered.
    expect(coordinator.unacknowledgedBytes).toBe(WINDOW);
    coordinator.store(1);
    await turns();
    expect(coordinator.all.map(({ ref }) => ref)).toEqual([...Array<AttemptRef>(4).fill(flood.ref), other.ref]);
  });

  test('what is superseded is discarded, and told', async () => {
    const { outbox, coordinator } = pair();
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', noise(900 * KIB));
    const finished = attempt.output.finish();
    const superseded = [attempt.ref];
    expect(outbox.acknowledged({ kind: 'output_ack', stored: [], superseded })).toEqual(superseded);
    expect(await finished).toEqual([]);
    expect(outbox.heldBytes).toBe(0);
    coordinator.store(); // answers that come late do no harm
    const other = new Attempt(outbox);
    await other.write('stdout', noise(300 * KIB));
    expect(coordinator.unacknowledgedBytes).toBe(WINDOW);
  });

  test('without one the command goes on, and memory is bounded by the limit', async () => {
    const { outbox, coordinator } = pair();
    outbox.close();
    const attempt = new Attempt(outbox);
    for (let i = 0; i < 40; i++) await attempt.write('stdout', noise(256 * KIB, i));
    expect(outbox.heldBytes).toBeLessThanOrEqual((1024 + 64) * KIB);
    attempt.finish();
    await pass(10_000);
    expect(attempt.inline).toBeNull();
    coordinator.connect();
    for (let i = 0; i < 40 && attempt.inline === null; i++) {
      await turns();
      coordinator.store();
    }
    await turns();
    const half = 512 * KIB;
    expect(attempt.stored(coordinator).ranges).toEqual([
      [0, half],
      [attempt.written.total - half, attempt.written.total],
    ]);
  });

  test('a coordinator that takes none before the result gets the newest with it', async () => {
    const { outbox, coordinator } = pair(0);
    const attempt = new Attempt(outbox);
    await attempt.write('stdout', noise(300 * KIB));
    await pass(2_000);
    attempt.finish();
    await turns();
    expect(coordinator.all).toEqual([]);
    expect(attempt.stored(coordinator).ranges).toEqual([[256 * KIB, 300 * KIB]]);
  });

  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        stream: fc.constantFrom<OutputStream>('stdout', 'stderr'),
        bytes: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 90 * KIB })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(50, 200, 1_000) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('store' as const), count: fc.integer({ min: 1, max: 5 }) }) },
    // The session breaks: so many are stored without the worker hearing of it.
    { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), count: fc.nat({ max: 5 }) }) },
  );

  test('whatever breaks, what is stored in the end is the first and the last of what was written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 25 }),
        fc.constantFrom(0, 1, 1_000, 50 * KIB, 200 * KIB, 1024 * KIB),
        async (events, limitBytes) => {
          const { outbox, coordinator } = pair();
          const attempt = new Attempt(outbox, { limitBytes });
          const model = coordinator.of(attempt.ref);
          for (const [index, event] of events.entries()) {
            switch (event.do) {
              case 'write':
                await attempt.write(event.stream, noise(event.bytes, index));
                break;
              case 'pass':
                await pass(event.ms);
                break;
              case 'store':
                coordinator.store(event.count);
                await turns();
                break;
              case 'break':
                coordinator.store(event.count, false);
                outbox.close();
                coordinator.connect();
                await turns();
                break;
            }
            expect(coordinator.unacknowledgedBytes).toBeLessThanOrEqual(WINDOW);
            expect(outbox.heldBytes).toBeLessThanOrEqual(limitBytes + WINDOW + 64 * KIB);
          }
          attempt.finish();
          for (let i = 0; i < 200 && attempt.inline === null; i++) {
            await turns();
            coordinator.store(1);
          }
          await turns();
          attempt.stored(coordinator);

          expect(model.ranges).toEqual(keptRanges(attempt.written.total, limitBytes));
          expect(model.pieces.map((piece) => attempt.written.faultOf(piece))).toEqual(model.pieces.map(() => null));
          expect(attempt.inline?.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThanOrEqual(64 * KIB);
          expect(outbox.heldBytes).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
