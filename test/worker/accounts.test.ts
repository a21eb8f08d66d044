import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { Accounts } from '../../src/worker/accounts.ts';

test('a user of this machine, by name and by number', async () => {
  const accounts = new Accounts(() => 0);
  const { username, uid, gid, homedir, shell } = userInfo();
  const account = { name: username, uid, gid, home: homedir, shell };
  expect(await accounts.find(username)).toEqual({ ok: true, account });
  expect(await accounts.find(String(uid))).toEqual({ ok: true, account });
});

test.each(['no-such-user', '-h', '--help', ''])('%j is none', async (name) => {
  expect(await new Accounts(() => 0).find(name)).toEqual({
    ok: false,
    error: `there is no user ${name} on this worker`,
  });
});

test('is remembered for a minute, and asked for once by those who ask together', async () => {
  let nowMs = 0;
  const accounts = new Accounts(() => nowMs);
  const [first, second] = await Promise.all([accounts.find('nobody'), accounts.find('nobody')]);
  expect(second).toBe(first);
  const accountOf = async () => {
    const found = await accounts.find('nobody');
    return found.ok ? found.account : null;
  };
  const account = await accountOf();
  nowMs = 59_999;
  expect(await accountOf()).toBe(account);
  nowMs = 60_000;
  expect(await accountOf()).not.toBe(account);
  expect(await accountOf()).toEqual(account);
});
