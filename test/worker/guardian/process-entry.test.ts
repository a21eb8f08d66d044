import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseStart, parseStat } from '../../../src/worker/guardian/process-entry.ts';
import { ProcessTable } from '../../../src/worker/guardian/process-table.ts';
import { hasProc } from './support/guarded.ts';

function statOf({ name = 'sh', state = 'S', threads = 1, flags = 4194304 } = {}): string {
  return `42 (${name}) ${state} 7 41 40 0 -1 ${flags} 100 200 0 0 11 12 13 14 20 0 ${threads} 0 123456 2637824 389 18446744073709551615 1 1 0`;
}

describe('the stat of a process', () => {
  const entry = { pid: 42, start: 123_456, parent: 7, group: 41, session: 40, cpuTicks: 50, residentPages: 389 };

  test.each(['sh', '', ') R 1 1 1 1 1', 'a (b) c', 'new\nline'])('is read whatever its name is: %j', (name) => {
    expect(parseStat(statOf({ name }))).toEqual(entry);
    expect(parseStart(statOf({ name }))).toBe(123_456);
  });

  test.each(['R', 'S', 'D', 'T', 't', 'I'])('says that it lives in state %s', (state) => {
    expect(parseStat(statOf({ state }))).toEqual(entry);
  });

  test.each(['Z', 'X', 'x'])('says that it has ended in state %s, but not when it started', (state) => {
    expect(parseStat(statOf({ state }))).toBeNull();
    expect(parseStart(statOf({ state }))).toBe(123_456);
  });

  test('says that it lives when only its first thread has ended', () => {
    expect(parseStat(statOf({ state: 'Z', threads: 3 }))).toEqual(entry);
  });

  test('of a thread of the kernel is of no interest', () => {
    expect(parseStat(statOf({ flags: 0x0020_8040 }))).toBeNull();
  });

  test('that was cut short is no process', () => {
    expect(parseStat('42 (sh) S 7 41')).toBeNull();
    expect(parseStat('')).toBeNull();
  });
});

describe.skipIf(!hasProc)('the table of processes', () => {
  test('has this one, as it sees itself', () => {
    const table = new ProcessTable();
    const self = table.list().get(process.pid);
    expect(self).toMatchObject({ pid: process.pid, parent: process.ppid });
    expect((self?.residentPages ?? 0) * table.bytesPerPage).toBeGreaterThan(10_000_000);
    const { user, system } = process.cpuUsage();
    expect(((self?.cpuTicks ?? 0) * 1_000_000) / table.ticksPerSecond).toBeLessThan(3 * (user + system));
    const aliveSeconds = (table.nowTicks() - (self?.start ?? 0)) / table.ticksPerSecond;
    expect(Math.abs(aliveSeconds - process.uptime())).toBeLessThan(1);
  });

  test('reads a variable, the first as well as the last, and says when it cannot', () => {
    const table = new ProcessTable();
    const self = table.list().get(process.pid)!;
    const first = readFileSync('/proc/self/environ', 'utf8').split('\0', 1)[0]!;
    const [name = '', ...value] = first.split('=');
    expect(table.variable(self, name)).toBe(value.join('='));
    expect(table.variable(self, 'HYDRA_NOT_SET')).toBeUndefined();
    expect(table.variable({ pid: process.pid, start: self.start + 1 }, name)).toBeNull();
    expect(table.variable({ pid: 2 ** 30, start: 1 }, name)).toBeNull();
  });
});
