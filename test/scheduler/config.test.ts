import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { readSchedulerConfig, schedulerVariables } from '../../src/scheduler/config.ts';

describe('the configuration of a scheduler', () => {
  test('has defaults for everything', () => {
    expect(readSchedulerConfig({})).toEqual({
      httpHost: '127.0.0.1',
      httpPort: 5000,
      allowedHosts: [],
      databaseUrl: 'postgres://hydra@127.0.0.1:5432/hydra',
      dbPoolSize: 10,
      log: { level: 'info', format: 'json' },
    });
  });

  test('takes what is given', () => {
    const env = {
      HYDRA_HTTP_HOST: '0.0.0.0',
      HYDRA_HTTP_PORT: '8080',
      HYDRA_DB_POOL_SIZE: '20',
      DATABASE_URL: 'postgres://u:p@db/x',
      HYDRA_LOG_LEVEL: 'warn',
    };
    expect(readSchedulerConfig(env)).toMatchObject({
      httpHost: '0.0.0.0',
      httpPort: 8080,
      allowedHosts: null,
      databaseUrl: 'postgres://u:p@db/x',
      dbPoolSize: 20,
      log: { level: 'warn' },
    });
  });

  test.each([
    ['127.0.0.1', undefined, []],
    ['127.1.2.3', undefined, []],
    ['localhost', undefined, []],
    ['::1', undefined, []],
    ['0.0.0.0', undefined, null],
    ['192.168.1.7', undefined, null],
    ['0.0.0.0', 'hydra.example, other', ['hydra.example', 'other']],
    ['127.0.0.1', 'hydra.example', ['hydra.example']],
  ])('listening on %s and allowing %s, it answers to %j', (host, allowed, names) => {
    expect(readSchedulerConfig({ HYDRA_HTTP_HOST: host, HYDRA_HTTP_ALLOWED_HOSTS: allowed }).allowedHosts).toEqual(
      names,
    );
  });

  test('reports every fault at once', () => {
    const env = { HYDRA_HTTP_PORT: 'x', HYDRA_DB_POOL_SIZE: '0', HYDRA_HTTP_ALLOWED_HOSTS: 'http://x' };
    let fault: unknown;
    try {
      readSchedulerConfig(env);
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(ConfigError);
    for (const name of Object.keys(env)) expect((fault as ConfigError).message).toContain(name);
  });

  test('describes every variable', () => {
    for (const [name, { desc }] of Object.entries(schedulerVariables)) expect(desc, name).toMatch(/\.$/);
  });
});
