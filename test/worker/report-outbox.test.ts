import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AttemptRef } from '../../src/rpc/messages.ts';
import type { EndedAttempt } from '../../src/worker/ended-attempt.ts';
import { ReportOutbox, type Report } from '../../src/worker/report-outbox.ts';

const refOf = (): AttemptRef => ({ taskId: randomUUID(), attempt: 1 });

function endedOf(ref: AttemptRef, bytes = 0): EndedAttempt {
  const piece = { start: 0, data: Buffer.alloc(bytes), segments: [bytes], stdoutEnd: bytes, stderrEnd: 0 };
  return {
    ref,
    startedAtMs: 100,
    endedAtMs: 300,
    result: { reason: 'exited', exitCode: 0, signal: null, error: null },
    output: bytes === 0 ? [] : [{ ...piece, replacesFrom: null }],
    usage: { cpuMs: 12, peakMemoryBytes: null },
  };
}

/** An outbox with a session that takes each report when the test says so. */
function outboxWith(options: { maxResults?: number; window?: number; takes?: 'at_once' | 'when_told' } = {}) {
  const clock = { ms: 1_000 };
  const hits = { full: 0 };
  const outbox = new ReportOutbox({
    maxResults: options.maxResults ?? 10_000,
    now: () => clock.ms,
    onFull: () => (hits.full += 1),
  });
  const sent: Report[] = [];
  const untaken: (() => void)[] = [];
  const open = (window = options.window ?? 0) =>
    outbox.open((report, done) => {
      sent.push(report);
      if (options.takes === 'when_told') untaken.push(done);
      else setImmediate(done);
    }, window);
  open();
  onTestFinished(() => outbox.close());
  const finished = () => sent.flatMap((report) => report.finished.map(({ ref }) => ref));
  return { outbox, clock, hits, sent, untaken, open, finished };
}

/** Has so many attempts end, and returns them. */
function endAll(outbox: ReportOutbox, count: number, bytes = 0): AttemptRef[] {
  const refs = Array.from({ length: count }, refOf);
  for (const ref of refs) outbox.ended(endedOf(ref, bytes));
  return refs;
}

/** Long enough for everything that is due at once to have happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('coalescing', () => {
  test('an attempt that ends soon after its start is one entry', async () => {
    const { outbox, sent } = outboxWith();
    const ref = refOf();
    outbox.started(ref, 100);
    outbox.ended(endedOf(ref));
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]).toMatchObject({
      started: [],
      finished: [{ ref, startedAgeUs: 900_000, endedAgeUs: 700_000, output: [], usage: { cpuMs: 12 } }],
    });
  });

  test('a start is reported by itself when the end takes longer', async () => {
    const { outbox, sent } = outboxWith();
    const ref = refOf();
    outbox.started(ref, 100);
    await expect
      .poll(() => sent)
      .toEqual([{ kind: 'report', started: [{ ref, startedAgeUs: 900_000 }], finished: [] }]);
  });

  test('what happens in one turn of the event loop shares a frame, starts included', async () => {
    const { outbox, sent } = outboxWith();
    const refs = [refOf(), refOf(), refOf()] as const;
    outbox.started(refs[0], 0);
    outbox.ended(endedOf(refs[1]));
    outbox.ended(endedOf(refs[2]));
    await turns();
    expect(sent.map(({ started, finished }) => [started.length, finished.length])).toEqual([[1, 2]]);
  });

  test('while a frame is on its way the rest waits, and then shares the next one', async () => {
    const { outbox, clock, sent, untaken } = outboxWith({ takes: 'when_told' });
    outbox.ended(endedOf(refOf()));
    await turns();
    for (let i = 0; i < 50; i += 1) {
      outbox.ended(endedOf(refOf()));
      await turns();
    }
    expect(sent).toHaveLength(1);
    clock.ms = 2_000;
    untaken.shift()?.();
    expect(sent.map(({ finished }) => finished.length)).toEqual([1, 50]);
    expect(sent[1]?.finished[0]).toMatchObject({ endedAgeUs: 1_700_000 }); // as of its sending
  });
});

describe('bounds', () => {
  test('a frame has at most 1,000 entries', async () => {
    const { outbox, sent } = outboxWith();
    for (let i = 0; i < 1_400; i += 1) outbox.started(refOf(), 0);
    for (let i = 0; i < 1_100; i += 1) outbox.ended(endedOf(refOf()));
    await turns();
    expect(sent.map(({ started, finished }) => [started.length, finished.length])).toEqual([
      [1_000, 0],
      [400, 600],
      [0, 500],
    ]);
  });

  test('a frame has at most 256 KiB, but for a result that alone has more', async () => {
    const { outbox, sent } = outboxWith();
    const kib = 1024;
    // Each piece has one segment, which takes up to 3 bytes.
    for (const size of [150 * kib, 106 * kib - 6, 1, 512 * kib, 1]) outbox.ended(endedOf(refOf(), size));
    await turns();
    expect(sent.map(({ finished }) => finished.map(({ output }) => output[0]?.data.length))).toEqual([
      [150 * kib, 106 * kib - 6],
      [1],
      [512 * kib],
      [1],
    ]);
  });

  test('what is not output counts, too: the lengths of segments, and a long error', async () => {
    const { outbox, sent } = outboxWith();
    const data = Buffer.alloc(50_000);
    const segments = Array.from(data, (_, i) => (i % 2 === 0 ? 1 : -1));
    const piece = { start: 0, data, segments, stdoutEnd: 25_000, stderrEnd: 25_000, replacesFrom: null };
    const error = { ...endedOf(refOf()).result, error: 'x'.repeat(70_000) };
    for (const ended of [{ output: [piece] }, { result: error }, {}]) outbox.ended({ ...endedOf(refOf()), ...ended });
    await turns();
    expect(sent.map(({ finished }) => finished.length)).toEqual([1, 2]);
  });

  test.each([
    ['its own', { maxResults: 3 }],
    ['its own where the coordinator allows more', { maxResults: 3, window: 1_000 }],
    ["the coordinator's where that is smaller", { maxResults: 500, window: 3 }],
  ])('no more results than the window are sent until some are acknowledged; starts still are: %s', async (_, with_) => {
    const { hits, outbox, sent, finished } = outboxWith(with_);
    const refs = endAll(outbox, 8);
    await turns();
    expect(finished()).toEqual(refs.slice(0, 3));
    expect(hits.full).toBe(1);
    const running = refOf();
    outbox.started(running, 0);
    await expect.poll(() => sent.flatMap((report) => report.started)).toHaveLength(1);
    outbox.forget(refs.slice(0, 2));
    await turns();
    expect(finished()).toEqual(refs.slice(0, 5));
    expect(outbox.unacknowledged).toBe(6);
    expect(hits.full).toBe(2); // again, since one more was let through meanwhile
    outbox.forget(refs.slice(2, 5));
    await turns();
    expect(finished()).toEqual(refs);
    expect(hits.full).toBe(2);
  });

  test('nor more than 8 MiB, however many results that is', async () => {
    const { hits, outbox, finished } = outboxWith();
    const refs = endAll(outbox, 140, 64 * 1024 - 3);
    await expect.poll(() => finished().length).toBe(128);
    await turns();
    expect(finished()).toHaveLength(128);
    expect(hits.full).toBe(1);
    outbox.forget(refs.slice(0, 3));
    await turns();
    expect(finished()).toHaveLength(131);
  });

  test('a window that grows lets more through at once; one that shrinks counts for what is sent next', async () => {
    const { outbox, finished } = outboxWith({ window: 4 });
    const refs = endAll(outbox, 10);
    await turns();
    expect(finished()).toHaveLength(4);
    outbox.resize(6);
    await turns();
    expect(finished()).toHaveLength(6);
    outbox.resize(2);
    outbox.forget(refs.slice(0, 4));
    await turns();
    expect(finished()).toHaveLength(6);
    outbox.forget(refs.slice(4, 5));
    await turns();
    expect(finished()).toHaveLength(7);
    outbox.resize(1); // one may always be on its way
    outbox.forget(refs.slice(5, 7));
    await turns();
    expect(finished()).toHaveLength(8);
  });

  test('the window of one session is not that of the next', async () => {
    const { outbox, sent, open, finished } = outboxWith({ maxResults: 5, window: 2 });
    const refs = endAll(outbox, 9);
    await turns();
    expect(finished()).toEqual(refs.slice(0, 2));
    outbox.close();
    sent.length = 0;
    open(0);
    await turns();
    expect(finished()).toEqual(refs.slice(0, 5));
  });
});

describe('sessions', () => {
  test('without one nothing is sent, and with the next one everything unacknowledged is', async () => {
    const { outbox, sent, open, finished } = outboxWith();
    const refs = Array.from({ length: 4 }, refOf);
    for (const ref of refs.slice(0, 2)) outbox.ended(endedOf(ref));
    await turns();
    outbox.forget(refs.slice(0, 1));
    outbox.close();
    for (const ref of refs.slice(2)) outbox.ended(endedOf(ref));
    await turns();
    expect(finished()).toEqual(refs.slice(0, 2));
    expect(outbox.inHand(1_100)).toEqual(refs.slice(1).map((ref) => ({ ref, startedAgeUs: 1_000_000 })));
    sent.length = 0;
    open();
    await turns();
    expect(finished()).toEqual(refs.slice(1));
  });

  test('a registration names every result but those that are handed back unstarted', async () => {
    const { outbox, finished } = outboxWith();
    const lost = { reason: 'worker_lost', exitCode: null, signal: null, error: 'why' } as const;
    const rejected = { ...lost, reason: 'rejected' } as const;
    const [named, unnamed] = [[refOf(), refOf()] as const, refOf()];
    outbox.ended({ ...endedOf(named[0]), result: lost });
    outbox.ended({ ...endedOf(unnamed), startedAtMs: null, result: lost });
    outbox.ended({ ...endedOf(named[1]), startedAtMs: null, result: rejected });
    expect(outbox.inHand(300)).toEqual([
      { ref: named[0], startedAgeUs: 200_000 },
      { ref: named[1], startedAgeUs: 0 },
    ]);
    await turns();
    expect(finished()).toEqual([named[0], unnamed, named[1]]); // reported they are all
  });

  test('a frame of a lost session holds nothing up', async () => {
    const { outbox, open, untaken, finished, sent } = outboxWith({ takes: 'when_told' });
    const [first, second] = [refOf(), refOf()];
    outbox.ended(endedOf(first));
    await turns();
    outbox.close();
    open();
    await turns();
    expect(finished()).toEqual([first, first]);
    outbox.ended(endedOf(second));
    untaken.shift()?.(); // of the lost session: says nothing about the frame of this one
    await turns();
    expect(sent).toHaveLength(2);
    untaken.shift()?.();
    expect(finished()).toEqual([first, first, second]);
  });

  test('what is forgotten before it was sent is not sent, and unknown ones do no harm', async () => {
    const { outbox, sent } = outboxWith();
    const [started, ended] = [refOf(), refOf()];
    outbox.started(started, 0);
    outbox.ended(endedOf(ended));
    outbox.forget([started, ended, refOf()]);
    await turns();
    outbox.ended(endedOf(refOf()));
    await turns();
    expect(sent.map((report) => [report.started.length, report.finished.length])).toEqual([[0, 1]]);
  });
});
