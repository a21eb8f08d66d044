import { describe, expect, test } from 'vitest';
import {
  CoordinatorAddresses,
  systemLookup,
  withoutForeignFamily,
  type Lookup,
} from '../../src/worker/coordinator-addresses.ts';

const PATIENCE_MS = 5_000;

/** A lookup that answers as the test says; what it does not say never comes. */
function scriptedLookup() {
  const answers = new Map<string, () => Promise<readonly string[]>>();
  const asked: string[] = [];
  const lookup: Lookup = (host) => {
    asked.push(host);
    return answers.get(host)?.() ?? new Promise(() => undefined);
  };
  return {
    lookup,
    asked,
    find: (host: string, ...found: readonly string[]) => answers.set(host, () => Promise.resolve(found)),
    fail: (host: string, code: string) =>
      answers.set(host, () => Promise.reject(Object.assign(new Error(code), { code }))),
    hang: (host: string) => answers.delete(host),
  };
}

function addressesOf(configured: readonly string[], lookup: Lookup, now = () => 0): CoordinatorAddresses {
  return new CoordinatorAddresses(configured, lookup, now);
}

test('addresses are taken as they are, names lead to all of theirs', async () => {
  const { find, lookup } = scriptedLookup();
  find('one.example', '10.0.0.1', '10.0.0.2', '2001:db8::1');
  find('two.example', '10.0.0.2');
  const addresses = addressesOf(['one.example:5001', '10.1.1.1:5002', '[::1]:5003', 'two.example:5001'], lookup);
  const { addresses: found, missing } = await addresses.locate(PATIENCE_MS);
  expect([...found].sort()).toEqual([
    '10.0.0.1:5001',
    '10.0.0.2:5001',
    '10.1.1.1:5002',
    '[2001:db8::1]:5001',
    '[::1]:5003',
  ]);
  expect(missing.size).toBe(0);
});

test('names are looked up each time', async () => {
  const { find, lookup } = scriptedLookup();
  const addresses = addressesOf(['one.example:1'], lookup);
  find('one.example', '10.0.0.1');
  expect([...(await addresses.locate(PATIENCE_MS)).addresses]).toEqual(['10.0.0.1:1']);
  find('one.example', '10.0.0.3', '10.0.0.4');
  expect([...(await addresses.locate(PATIENCE_MS)).addresses]).toEqual(['10.0.0.3:1', '10.0.0.4:1']);
});

describe('a lookup that', () => {
  test.each([
    ['fails', ({ fail }: ReturnType<typeof scriptedLookup>) => fail('one.example', 'EAI_AGAIN')],
    ['says that there is no such name', ({ fail }) => fail('one.example', 'ENOTFOUND')],
    ['finds nothing', ({ find }) => find('one.example')],
    ['takes too long', ({ hang }) => hang('one.example')],
  ])('%s leaves what was found last', async (_, change) => {
    const script = scriptedLookup();
    const addresses = addressesOf(['one.example:1'], script.lookup);
    script.find('one.example', '10.0.0.1');
    await addresses.locate(PATIENCE_MS);
    change(script);
    const { addresses: found, missing } = await addresses.locate(50);
    expect([[...found], [...missing]]).toEqual([['10.0.0.1:1'], []]);
  });

  test('hangs holds nobody up, is not asked again meanwhile, and counts once it has an answer', async () => {
    let answer: (found: readonly string[]) => void = () => undefined;
    const asked: string[] = [];
    const lookup: Lookup = (host) => {
      asked.push(host);
      return host === 'quick.example' ? Promise.resolve(['10.0.0.9']) : new Promise((resolve) => (answer = resolve));
    };
    const addresses = addressesOf(['slow.example:1', 'quick.example:1'], lookup);
    const first = await addresses.locate(30);
    expect([...first.addresses]).toEqual(['10.0.0.9:1']);
    expect([...first.missing]).toEqual([
      ['slow.example:1', { kind: 'unknown', why: 'is a name that could not be looked up in time' }],
    ]);
    await addresses.locate(30);
    answer(['10.0.0.1']);
    expect([...(await addresses.locate(PATIENCE_MS)).addresses].sort()).toEqual(['10.0.0.1:1', '10.0.0.9:1']);
    expect(asked.filter((host) => host === 'slow.example')).toHaveLength(1);
  });
});

test('where there never was anybody: a name that does not exist is nobody, any other fault says nothing', async () => {
  const { fail, find, lookup } = scriptedLookup();
  fail('no.example', 'ENOTFOUND');
  find('empty.example');
  fail('away.example', 'EAI_AGAIN');
  const addresses = addressesOf(['no.example:1', 'empty.example:1', 'away.example:1'], lookup, () => 77);
  const { addresses: found, missing } = await addresses.locate(PATIENCE_MS);
  expect(found.size).toBe(0);
  const nobody = { kind: 'absent', askedAtMs: 77, why: 'is a name that does not exist' };
  expect(Object.fromEntries(missing)).toEqual({
    'no.example:1': nobody,
    'empty.example:1': nobody,
    'away.example:1': { kind: 'unknown', why: 'is a name that could not be looked up (EAI_AGAIN)' },
  });
});

describe('the lookup of the system', () => {
  test('knows localhost', async () => {
    const found = await systemLookup('localhost');
    expect(found.length).toBeGreaterThan(0);
    for (const address of found) expect(['127.0.0.1', '::1']).toContain(address);
  });

  test('leaves out addresses of a kind that this machine does not have, if there are others', () => {
    const both = ['10.0.0.1', '2001:db8::1'];
    expect(withoutForeignFamily(both, ['127.0.0.1', '192.0.2.1', '::1', 'fe80::1'])).toEqual(['10.0.0.1']);
    expect(withoutForeignFamily(both, ['127.0.0.1', '192.0.2.1', 'fd00::2'])).toEqual(both);
    expect(withoutForeignFamily(['2001:db8::1'], ['127.0.0.1'])).toEqual(['2001:db8::1']);
    expect(withoutForeignFamily(['127.0.0.1', '::1'], ['127.0.0.1'])).toEqual(['127.0.0.1']);
    expect(withoutForeignFamily(['127.0.0.1', '::1'], ['127.0.0.1', '::1'])).toEqual(['127.0.0.1', '::1']);
  });
});
