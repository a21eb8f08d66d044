import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { readWorkerConfig } from '../../src/worker/config.ts';

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readWorkerConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

test('everything has a default', () => {
  const config = readWorkerConfig({});
  expect(config).toEqual({
    workerId: config.workerId,
    coordinators: ['127.0.0.1:5001'],
    slots: 4,
    labels: {},
    queues: ['default'],
    outputLimitBytes: 1_048_576,
    passEnv: [],
    policyFile: null,
    cgroup: null,
    drainTimeoutMs: null,
    maxTasks: null,
    idleExitMs: null,
    health: null,
    log: { level: 'info', format: 'json' },
  });
  expect(config.workerId).toMatch(/^[A-Za-z0-9._:-]{1,119}-[0-9a-f]{8}$/);
  expect(readWorkerConfig({}).workerId).not.toBe(config.workerId);
});

test('everything can be set', () => {
  expect(
    readWorkerConfig({
      HYDRA_COORDINATORS: 'one:5001, [::1]:5002,10.0.0.3:65535,one:5001',
      HYDRA_WORKER_ID: 'w.1:a_b-c',
      HYDRA_SLOTS: '10000',
      HYDRA_LABELS: 'region=eu, gpu=a100',
      HYDRA_QUEUES: 'mail, *',
      HYDRA_OUTPUT_LIMIT_BYTES: '0',
      HYDRA_PASS_ENV: 'LANGUAGE, MY_*',
      HYDRA_POLICY_FILE: 'policy.json',
      HYDRA_CGROUP: '/sys/fs/cgroup/hydra',
      HYDRA_DRAIN_TIMEOUT_MS: '0',
      HYDRA_MAX_TASKS: '1',
      HYDRA_IDLE_EXIT_MS: '60000',
      HYDRA_HEALTH_PORT: '0',
      HYDRA_HEALTH_HOST: '0.0.0.0',
      HYDRA_LOG_LEVEL: 'debug',
      HYDRA_LOG_FORMAT: 'pretty',
    }),
  ).toEqual({
    workerId: 'w.1:a_b-c',
    coordinators: ['one:5001', '[::1]:5002', '10.0.0.3:65535'],
    slots: 10_000,
    labels: { region: 'eu', gpu: 'a100' },
    queues: ['mail', '*'],
    outputLimitBytes: 0,
    passEnv: ['LANGUAGE', 'MY_*'],
    policyFile: 'policy.json',
    cgroup: '/sys/fs/cgroup/hydra',
    drainTimeoutMs: 0,
    maxTasks: 1,
    idleExitMs: 60_000,
    health: { host: '0.0.0.0', port: 0 },
    log: { level: 'debug', format: 'pretty' },
  });
});

describe('faults', () => {
  test.each([
    'host', // no port
    'host:0',
    'host:65536',
    'host:5001x',
    ':5001',
    '::1:5001', // IPv6 without brackets
    '[::g]:5001',
    'http://host:5001',
    'a:1,,b:2',
  ])('HYDRA_COORDINATORS=%s', (value) => {
    expect(faultsOf({ HYDRA_COORDINATORS: value })).toEqual([
      expect.stringMatching(/^HYDRA_COORDINATORS .*give host:port/),
    ]);
  });

  test.each([
    ['HYDRA_WORKER_ID', 'a b'],
    ['HYDRA_WORKER_ID', 'x'.repeat(129)],
    ['HYDRA_SLOTS', '0'],
    ['HYDRA_SLOTS', '10001'],
    ['HYDRA_LABELS', 'region'],
    ['HYDRA_LABELS', 'region=e u'],
    ['HYDRA_QUEUES', 'a,b c'],
    ['HYDRA_OUTPUT_LIMIT_BYTES', '16777217'],
    ['HYDRA_PASS_ENV', '*'],
    ['HYDRA_PASS_ENV', 'A,B*C'],
    ['HYDRA_CGROUP', 'sys/fs/cgroup'],
    ['HYDRA_DRAIN_TIMEOUT_MS', '-1'],
    ['HYDRA_DRAIN_TIMEOUT_MS', '10s'],
    ['HYDRA_MAX_TASKS', '0'],
    ['HYDRA_IDLE_EXIT_MS', '0'],
    ['HYDRA_HEALTH_PORT', '-1'],
  ])('%s=%s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} .*give `))]);
  });

  test('all at once', () => {
    expect(faultsOf({ HYDRA_SLOTS: 'many', HYDRA_COORDINATORS: 'x', HYDRA_QUEUES: ',' })).toHaveLength(3);
  });
});
