import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lease } from '../../src/worker/lease.ts';

function leaseAt(startMs: number) {
  const clock = { ms: startMs };
  return { clock, lease: new Lease(() => clock.ms) };
}

test('nothing is held before the first grant', () => {
  const { lease } = leaseAt(0);
  expect(lease.isHeld()).toBe(false);
  expect(lease.msUntilFence()).toBe(0);
});

test('the margin is a tenth of the lease and at most a second', () => {
  const { lease } = leaseAt(0);
  lease.grant(0, 600);
  expect(lease.msUntilFence()).toBe(540);
  lease.grant(0, 30_000);
  expect(lease.msUntilFence()).toBe(29_000);
});

test('it counts from when the heartbeat was sent, not from its acknowledgement', () => {
  const { clock, lease } = leaseAt(10_000);
  lease.grant(4_000, 10_000);
  expect(lease.msUntilFence()).toBe(3_000);
  clock.ms = 12_999;
  expect(lease.isHeld()).toBe(true);
  clock.ms = 13_000;
  expect(lease.isHeld()).toBe(false);
});

test('an acknowledgement that comes when the lease has passed does not bring it back', () => {
  const { clock, lease } = leaseAt(0);
  lease.grant(0, 1_000);
  clock.ms = 60_000; // the process was stopped
  lease.grant(500, 1_000);
  expect(lease.isHeld()).toBe(false);
});

test('while nobody takes anything back it lasts longer, by the same margin', () => {
  const { clock, lease } = leaseAt(0);
  lease.grant(0, 15_000);
  expect(lease.extend(20_000)).toBe(true);
  expect(lease.msUntilFence()).toBe(19_000);
  clock.ms = 18_999;
  expect(lease.extend(21_000)).toBe(true);
  expect(lease.msUntilFence()).toBe(1_001);
});

test('it is never made shorter by that', () => {
  const { lease } = leaseAt(0);
  lease.grant(0, 15_000);
  expect([lease.extend(15_000), lease.extend(3_000), lease.extend(-1)]).toEqual([false, false, false]);
  expect(lease.msUntilFence()).toBe(14_000);
});

test('one that has ended, or never began, stays ended', () => {
  const { clock, lease } = leaseAt(0);
  expect(lease.extend(60_000)).toBe(false);
  lease.grant(0, 15_000);
  clock.ms = 14_000;
  expect(lease.extend(60_000)).toBe(false);
  expect(lease.isHeld()).toBe(false);
});

test('it is never held at or after the deadline, whatever was granted', () => {
  const instant = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(
    fc.property(instant, fc.integer({ min: 1, max: 600_000 }), instant, (sentAtMs, leaseMs, nowMs) => {
      const { lease } = leaseAt(nowMs);
      lease.grant(sentAtMs, leaseMs);
      if (nowMs >= sentAtMs + leaseMs) expect(lease.isHeld()).toBe(false);
      expect(lease.isHeld()).toBe(lease.msUntilFence() > 0);
    }),
  );
});

test('a renewal of something sent long ago does not end it before the others let go', () => {
  const { clock, lease } = leaseAt(0);
  lease.grant(0, 15_000);
  clock.ms = 10_000;
  lease.extend(25_000);
  lease.grant(5_000, 15_000);
  expect(lease.msUntilFence()).toBe(14_000);
  lease.grant(10_500, 15_000);
  expect(lease.msUntilFence()).toBe(14_500);
});
