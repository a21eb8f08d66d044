import { describe, expect, test } from 'vitest';
import type { ProcessEntry } from '../../../src/worker/guardian/process-entry.ts';
import { Strays } from '../../../src/worker/guardian/strays.ts';
import { Ward, type WardState } from '../../../src/worker/guardian/ward.ts';

function stray(pid: number, start: number): ProcessEntry {
  return { pid, start, parent: 1, group: pid, session: pid, cpuTicks: 0, residentPages: 0 };
}

function ward(key: string, beganTick: number, state: WardState = 'live', sparesBackground = false): Ward {
  const scale = { ticksPerSecond: 100, bytesPerPage: 4096 };
  const made = new Ward({ key, leader: null, cgroup: null, beganTick, nowMs: 0, isLeftover: false, scale });
  made.state = state;
  if (state === 'ending') {
    made.ending = {
      requests: [],
      sparesBackground,
      sinceMs: 0,
      progressMs: 0,
      left: 0,
      rounds: 0,
      signalled: new Set(),
    };
  }
  return made;
}

/** What becomes of one stray over looks, each with these wards. */
function fates(entry: ProcessEntry, looks: readonly { wards?: Ward[]; past?: Ward[] }[], anySpared = false): string[] {
  const strays = new Strays({ anySpared });
  return looks.map(({ wards = [], past = [] }) => {
    const { adopted, undecided } = strays.judge({ entries: [entry], wards, past });
    const [first] = adopted;
    if (first) return first.ward.key === '' ? first.ward.state : `${first.ward.state} ${first.ward.key}`;
    return undecided ? 'undecided' : 'left';
  });
}

describe('a stray', () => {
  test('is left alone while an attempt lives that was alive when it was born', () => {
    expect(fates(stray(60, 510), [{ wards: [ward('a', 500)] }, { wards: [ward('a', 500)] }])).toEqual(['left', 'left']);
  });

  test('is killed, at the second look, with the one attempt that was', () => {
    const wards = [ward('a', 500, 'ending'), ward('later', 900)];
    expect(fates(stray(60, 510), [{ wards }, { wards }])).toEqual(['undecided', 'ending a']);
  });

  test('is killed when the last of those that were has ended', () => {
    const [a, b] = [ward('a', 500, 'ending'), ward('b', 500)];
    const both = { wards: [a, b] };
    expect(fates(stray(60, 510), [both, both, { wards: [ward('b', 500, 'ending')] }])).toEqual([
      'left',
      'left',
      'ending b',
    ]);
  });

  test('is killed when none is known of that was', () => {
    expect(fates(stray(60, 510), [{}, {}])).toEqual(['undecided', 'killed']);
  });

  test('is spared when one that was spares what it leaves', () => {
    expect(fates(stray(60, 510), [{ wards: [ward('a', 500, 'ending', true)] }])).toEqual(['spared']);
    expect(
      fates(stray(60, 510), [
        { wards: [ward('a', 500, 'ending', true), ward('b', 500)] },
        { wards: [ward('b', 500, 'ending')] },
      ]),
    ).toEqual(['left', 'spared']);
  });

  test('is spared when one that was did so just before', () => {
    const past = ward('a', 500, 'spared');
    past.endedTick = 520;
    expect(fates(stray(60, 510), [{ past: [past] }])).toEqual(['spared']);
    expect(fates(stray(60, 530), [{ past: [past], wards: [ward('b', 525, 'ending')] }])).toEqual(['undecided']);
  });

  test('is spared when nobody can tell whose it is, and something was spared before', () => {
    expect(fates(stray(60, 510), [{}], true)).toEqual(['spared']);
    expect(fates(stray(60, 510), [{ wards: [ward('a', 500, 'ending')] }], true)).toEqual(['undecided']);
  });

  test('is another one when the number is given again', () => {
    const strays = new Strays({ anySpared: false });
    const judge = (entry: ProcessEntry) => strays.judge({ entries: [entry], wards: [], past: [] });
    expect(judge(stray(60, 510)).undecided).toBe(true);
    expect(judge(stray(60, 511)).undecided).toBe(true);
    expect(judge(stray(60, 511)).adopted).toHaveLength(1);
  });

  test('keeps those waiting that it may belong to, until it is decided on', () => {
    const a = ward('a', 500, 'ending');
    const { undecidedOf } = new Strays({ anySpared: false }).judge({ entries: [stray(60, 510)], wards: [a], past: [] });
    expect([...undecidedOf]).toEqual([a]);
  });
});
