import { expect, test } from 'vitest';
import { attemptEnvironment, inheritedEnvironment } from '../../src/worker/command-environment.ts';

test('secrets, Hydra’s own variables and the IPC channel are withheld; the rest is passed on', () => {
  const kept = { PATH: '/bin', HOME: '/root', LANG: 'C.UTF-8', TEST_CLUSTER_ID: 'x', MY_PGHOST: 'mine', EMPTY: '' };
  const withheld = {
    HYDRA_TOKEN: 's',
    HYDRA_COORDINATORS: 's',
    DATABASE_URL: 's',
    POSTGRES_PASSWORD: 's',
    PGPASSWORD: 's',
    PGSERVICEFILE: 's',
    NODE_CHANNEL_FD: '3',
    NODE_CHANNEL_SERIALIZATION_MODE: 'json',
    NODE_UNIQUE_ID: '1',
    npm_config_registry: 's',
    npm_lifecycle_event: 'start',
    INIT_CWD: '/',
  };
  expect(inheritedEnvironment({ ...kept, ...withheld, NOT_SET: undefined })).toEqual(kept);
});

const attempt = { ref: { taskId: 'a-task', attempt: 3 }, command: 'true', queue: 'mail', scheduledAtUs: 0 };

test('a command learns what it is', () => {
  expect(attemptEnvironment({ ...attempt, scheduledAtUs: 1_893_456_000_123_456 }, 'w1')).toEqual({
    HYDRA_TASK_ID: 'a-task',
    HYDRA_ATTEMPT: '3',
    HYDRA_QUEUE: 'mail',
    HYDRA_WORKER_ID: 'w1',
    HYDRA_SCHEDULED_AT: '2030-01-01T00:00:00.123Z',
  });
});

test('an instant that no Date can hold is no fault', () => {
  for (const scheduledAtUs of [Number.MAX_SAFE_INTEGER * 1_000, Number.NaN, -Infinity]) {
    expect(attemptEnvironment({ ...attempt, scheduledAtUs }, 'w1')).toMatchObject({ HYDRA_SCHEDULED_AT: '' });
  }
});
