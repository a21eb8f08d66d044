import { describe, expect, test } from 'vitest';
import { Census, type Count, type Inspector } from '../../../src/worker/guardian/census.ts';
import type { ProcessEntry } from '../../../src/worker/guardian/process-entry.ts';
import { formatMark } from '../../../src/worker/guardian/process-mark.ts';
import { Ward } from '../../../src/worker/guardian/ward.ts';

const WORKER = { pid: 10, start: 100 };
const SELF = 11;
const WORKER_MARK = '1125899906842700';
const TICKS_PER_SECOND = 100;

interface Process extends Partial<ProcessEntry> {
  readonly pid: number;
  readonly start: number;
  /** Value of the mark's variable. */
  readonly mark?: string;
  readonly limit?: string;
}

/** A machine whose processes the test makes up. */
class Machine implements Inspector {
  readonly ticksPerSecond = TICKS_PER_SECOND;
  readonly wards = new Map<string, Ward>();
  readonly census = new Census({
    worker: WORKER,
    instance: 'me',
    workerMark: WORKER_MARK,
    inspector: this,
    self: SELF,
  });
  inspected = 0;
  #now: readonly Process[] = [];

  begin(key: string, leader: { pid: number; start: number }): Ward {
    const scale = { ticksPerSecond: TICKS_PER_SECOND, bytesPerPage: 4096 };
    const ward = new Ward({ key, leader, cgroup: null, beganTick: leader.start, nowMs: 0, isLeftover: false, scale });
    this.wards.set(key, ward);
    this.census.begin(ward);
    return ward;
  }

  look(processes: readonly Process[], tick = 10_000): Count {
    this.#now = [
      { ...WORKER, parent: 1 },
      { pid: SELF, start: 101, parent: WORKER.pid, limit: WORKER_MARK },
      ...processes,
    ];
    const entries = this.#now.map(toEntry);
    const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
    return this.census.take({ processes: byPid, tick, wards: this.wards, inCgroup: new Map() });
  }

  variable({ pid }: { pid: number }): string | undefined {
    this.inspected += 1;
    return this.#now.find((each) => each.pid === pid)?.mark;
  }

  realTimeLimit({ pid }: { pid: number }): string {
    return this.#now.find((each) => each.pid === pid)?.limit ?? 'unlimited';
  }
}

function toEntry({ pid, start, parent = 1, session = pid, group = session }: Process): ProcessEntry {
  return { pid, start, parent, session, group, cpuTicks: 0, residentPages: 0 };
}

function markOf(key: string, instance = 'me'): string {
  return formatMark({ namespace: '1', worker: WORKER, instance, key, allowsBackground: false });
}

const pids = (count: Count, ward: Ward) => (count.byWard.get(ward) ?? []).map(({ pid }) => pid).sort((a, b) => a - b);

describe('a process is of an attempt', () => {
  const leader = { pid: 50, start: 500 };

  test('when it leads it', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    expect(pids(machine.look([{ ...leader, parent: WORKER.pid }]), ward)).toEqual([50]);
  });

  test('when it is in the session of its leader, who may have ended before anybody looked', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    expect(pids(machine.look([{ pid: 60, start: 510, session: 50, group: 60 }]), ward)).toEqual([60]);
  });

  test('when it descends from it, however far, and in whatever order they are listed', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    const count = machine.look([
      { pid: 20, start: 540, parent: 90 },
      { pid: 90, start: 530, parent: 80 },
      { pid: 80, start: 520, parent: 50 },
      { ...leader, parent: WORKER.pid },
    ]);
    expect(pids(count, ward)).toEqual([20, 50, 80, 90]);
  });

  test('when its environment says so', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    expect(pids(machine.look([{ pid: 60, start: 510, mark: markOf('a/1') }]), ward)).toEqual([60]);
  });

  test('when it is in a session that was begun by one that is, or by one that has ended since', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    const count = machine.look([
      { pid: 60, start: 510, mark: markOf('a/1') },
      { pid: 61, start: 511, session: 60 },
      { pid: 71, start: 512, session: 70, mark: markOf('a/1') },
      { pid: 72, start: 513, session: 70 },
      { pid: 73, start: 514, parent: 72 },
    ]);
    expect(pids(count, ward)).toEqual([60, 61, 71, 72, 73]);
  });

  test('and stays it when all that told of it is gone', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', leader);
    machine.look([
      { ...leader, parent: WORKER.pid },
      { pid: 60, start: 510, parent: 50 },
    ]);
    expect(pids(machine.look([{ pid: 60, start: 510, parent: 1 }]), ward)).toEqual([60]);
    expect(
      pids(
        machine.look([
          { pid: 61, start: 520, parent: 60 },
          { pid: 60, start: 510, parent: 1 },
        ]),
        ward,
      ),
    ).toEqual([60, 61]);
  });
});

describe('a number that was given to another process', () => {
  test('of the leader, before anybody looked', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    expect(
      pids(
        machine.look([
          { pid: 50, start: 501 },
          { pid: 51, start: 502, parent: 50 },
        ]),
        ward,
      ),
    ).toEqual([]);
  });

  test('of one that was seen', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    machine.look([
      { pid: 50, start: 500 },
      { pid: 60, start: 510, parent: 50 },
    ]);
    expect(
      pids(
        machine.look([
          { pid: 50, start: 500 },
          { pid: 60, start: 600 },
        ]),
        ward,
      ),
    ).toEqual([50]);
  });

  test('of the one that began a session', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    machine.look([{ pid: 60, start: 510, mark: markOf('a/1') }]);
    const count = machine.look([
      { pid: 60, start: 600 },
      { pid: 61, start: 601, session: 60 },
    ]);
    expect(pids(count, ward)).toEqual([]);
    expect(machine.census.owns(60)).toBe(false);
  });

  test('of its parent', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    // A parent cannot be younger than its child: this one is another's.
    expect(
      pids(
        machine.look([
          { pid: 50, start: 500 },
          { pid: 60, start: 400, parent: 50 },
        ]),
        ward,
      ),
    ).toEqual([50]);
  });
});

describe('a process is of no attempt', () => {
  test('when it is the worker, the companion, or something the worker runs for itself', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    const count = machine.look([
      { pid: 60, start: 510, parent: WORKER.pid, limit: WORKER_MARK },
      { pid: 61, start: 511, parent: 60, limit: WORKER_MARK },
    ]);
    expect(pids(count, ward)).toEqual([]);
    expect(count.strays).toEqual([]);
  });

  test('when the mark is of another guardian, or of an attempt that is not known', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    const count = machine.look([
      { pid: 60, start: 510, mark: markOf('a/1', 'you') },
      { pid: 61, start: 510, mark: markOf('b/1') },
    ]);
    expect(pids(count, ward)).toEqual([]);
    expect(count.unknown.map(({ entry, mark }) => [entry.pid, mark.key])).toEqual([[61, 'b/1']]);
  });

  test('when it only shares a session with one that is', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    // Somebody’s shell, where the mark was read from a file; its leader has ended.
    const count = machine.look([
      { pid: 71, start: 400, session: 70 },
      { pid: 72, start: 600, session: 70, mark: markOf('a/1') },
    ]);
    expect(pids(count, ward)).toEqual([72]);
    expect(machine.census.owns(70)).toBe(false);
  });
});

describe('looking', () => {
  test('finds strays: what has the mark of the worker and no attempt claims', () => {
    const machine = new Machine();
    machine.begin('a/1', { pid: 50, start: 500 });
    const count = machine.look([
      { pid: 50, start: 500, limit: WORKER_MARK },
      { pid: 60, start: 510, limit: WORKER_MARK },
      { pid: 70, start: 510, limit: '1125899906842701' },
    ]);
    expect(count.strays.map(({ pid }) => pid)).toEqual([60]);
  });

  test('does not ask again about what is old and somebody else’s', () => {
    const machine = new Machine();
    machine.begin('a/1', { pid: 50, start: 500 });
    const others = Array.from({ length: 100 }, (_, index) => ({ pid: 1_000 + index, start: 1 }));
    machine.look(others);
    const before = machine.inspected;
    machine.look(others);
    expect(machine.inspected).toBe(before);
  });

  test('asks again about what is young: between fork and exec the environment is the parent’s', () => {
    const machine = new Machine();
    const ward = machine.begin('a/1', { pid: 50, start: 500 });
    expect(pids(machine.look([{ pid: 60, start: 510 }], 511), ward)).toEqual([]);
    expect(pids(machine.look([{ pid: 60, start: 510, mark: markOf('a/1') }], 512), ward)).toEqual([60]);
  });
});
