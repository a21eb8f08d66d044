import { describe, expect, test } from 'vitest';
import { baseEnvironment, commandEnvironment } from '../../src/worker/command-environment.ts';
import { attemptOf } from './support/test-worker.ts';

describe('the base', () => {
  const base = {
    PATH: '/bin',
    HOME: '/root',
    USER: 'u',
    LOGNAME: 'u',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    LC_ALL: 'C',
    LC_TIME: 'de_DE',
    TZ: 'UTC',
    TMPDIR: '/tmp',
  };
  const own = {
    ...base,
    HYDRA_TOKEN: 's',
    DATABASE_URL: 's',
    AWS_SECRET_ACCESS_KEY: 's',
    TERM: 'xterm',
    MY_VALUE: '1',
    MY_OTHER: '2',
    MYSELF: '3',
    NODE_CHANNEL_FD: '3',
    NODE_UNIQUE_ID: '1',
    NODE_CHANNEL_SERIALIZATION_MODE: 'json',
    NODE_ENV: 'test',
    NOT_SET: undefined,
  };

  test('is what a program needs to find its way, and nothing else', () => {
    expect(baseEnvironment(own, [])).toEqual(base);
  });

  test('has what is passed on purpose, by name and by prefix, but never the channel to the parent', () => {
    expect(baseEnvironment(own, ['MY_*', 'AWS_SECRET_ACCESS_KEY', 'NODE_*', 'NOT_SET', 'UNKNOWN'])).toEqual({
      ...base,
      MY_VALUE: '1',
      MY_OTHER: '2',
      AWS_SECRET_ACCESS_KEY: 's',
      NODE_ENV: 'test',
    });
  });

  test('always has a PATH', () => {
    expect(baseEnvironment({}, [])).toEqual({ PATH: expect.stringContaining('/usr/bin') as string });
  });
});

const PARTS = {
  base: { PATH: '/bin', HOME: '/root', LANG: 'C' },
  account: null,
  workerId: 'w1',
  waitedMs: 0,
  marks: {},
};

test('a command learns what it is and how late it starts', () => {
  const attempt = {
    ...attemptOf('true'),
    ref: { taskId: 'a-task', attempt: 3 },
    queue: 'mail',
    scheduledAtUs: 1_893_456_000_123_456,
    lateUs: 1_999_000,
  };
  expect(commandEnvironment({ ...PARTS, attempt, waitedMs: 30.5 })).toEqual({
    ...PARTS.base,
    HYDRA_TASK_ID: 'a-task',
    HYDRA_ATTEMPT: '3',
    HYDRA_QUEUE: 'mail',
    HYDRA_WORKER_ID: 'w1',
    HYDRA_SCHEDULED_AT: '2030-01-01T00:00:00.123Z',
    HYDRA_LATE_MS: '2029',
  });
});

test('what is nearer to the command wins: user, task, secrets, then what Hydra says', () => {
  const account = { name: 'nobody', uid: 65_534, gid: 65_534, home: '/nowhere', shell: '/bin/false' };
  const env = { LANG: 'de', SHELL: '/bin/zsh', TOKEN: 'public', HYDRA_ATTEMPT: '99', MARK: 'mine' };
  const attempt = attemptOf('true', { env }, { secretEnv: { TOKEN: 'secret', HYDRA_QUEUE: 'mine' } });
  expect(commandEnvironment({ ...PARTS, attempt, account, marks: { MARK: 'm' } })).toMatchObject({
    PATH: '/bin',
    HOME: '/nowhere',
    USER: 'nobody',
    LOGNAME: 'nobody',
    SHELL: '/bin/zsh',
    LANG: 'de',
    TOKEN: 'secret',
    HYDRA_ATTEMPT: '1',
    HYDRA_QUEUE: 'default',
    MARK: 'm',
  });
});

test('an instant that no Date can hold is no fault', () => {
  for (const scheduledAtUs of [Number.MAX_SAFE_INTEGER * 1_000, Number.NaN, -Infinity]) {
    const attempt = { ...attemptOf('true'), scheduledAtUs };
    expect(commandEnvironment({ ...PARTS, attempt })).toMatchObject({ HYDRA_SCHEDULED_AT: '' });
  }
});
