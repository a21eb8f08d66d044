import { describe, expect, test } from 'vitest';
import { capabilitiesOf, ceilingsOf, readAbilities } from '../../src/worker/abilities.ts';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              10                   20                   seconds
Max data size             unlimited            unlimited            bytes
Max processes             100                  200                  processes
Max open files            1024                 2048                 files
`;

describe('capabilities', () => {
  const CAP_SETUID = 7;
  test('are read from /proc, for root too: in a container it has few', () => {
    expect(capabilitiesOf('Name:\tnode\nCapEff:\t0000000000000000\n', 0)(CAP_SETUID)).toBe(false);
    expect(capabilitiesOf('Name:\tnode\nCapEff:\t0000000000000080\n', 1_000)(CAP_SETUID)).toBe(true);
    expect(capabilitiesOf('CapEff:\t000001ffffffffff\n', 0)(40)).toBe(true);
  });

  test('are those of root where there is no /proc', () => {
    expect(capabilitiesOf('', 0)(CAP_SETUID)).toBe(true);
    expect(capabilitiesOf('', 501)(CAP_SETUID)).toBe(false);
  });
});

describe('ceilings', () => {
  test('are the hard limits', () => {
    const ceilings = ceilingsOf(LIMITS, false);
    expect(ceilings).toEqual({ openFiles: 2_048, processes: 200, cpuSeconds: 20, dataBytes: Infinity });
  });

  test('do not hold for who may raise them, but for what the kernel is set to', () => {
    const ceilings = ceilingsOf(LIMITS, true);
    expect(ceilings).toMatchObject({ processes: Infinity, cpuSeconds: Infinity });
    expect(ceilings.openFiles).toBeGreaterThan(2_048);
  });

  test('are unknown where there is no /proc', () => {
    expect(ceilingsOf('', false).processes).toBe(Infinity);
  });
});

test('those of this process', () => {
  const abilities = readAbilities(process.env.PATH ?? '');
  expect(abilities.uid).toBe(process.getuid?.());
  expect(abilities.tools.nice).toMatch(/^\/.*\/nice$/);
  expect(readAbilities('').tools.nice).toMatch(/^\/.*\/nice$/); // where such programs usually are
});
