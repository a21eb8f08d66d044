import { describe, expect, test } from 'vitest';
import { MAX_ENVIRONMENT_BYTES, MAX_VARIABLE_BYTES } from '../../src/domain/environment-input.ts';
import { faultsOfFields, taskOf } from './support/faults.ts';

const many = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${i}`, value]));

describe.each(['env', 'secret_env'] as const)('%s', (field) => {
  test.each([{ A: '' }, { _: 'x', a1_B: 'line\nline' }, { PATH: '/bin', HYDRAX: '✓' }])('may be %j', (variables) => {
    expect(faultsOfFields({ [field]: variables })).toEqual({});
  });

  test('says what is wrong with names', () => {
    const variables: unknown = JSON.parse(
      '{"":"x","1A":"x","A-B":"x","A=B":"x","é":"x","HYDRA_TASK_ID":"x","__proto__":"x"}',
    );
    expect(faultsOfFields({ [field]: variables })).toEqual({
      [`${field}.`]: 'has a name that is not allowed; give letters, digits and _, the first no digit',
      [`${field}.1A`]: 'has a name that is not allowed; give letters, digits and _, the first no digit',
      [`${field}.A-B`]: 'has a name that is not allowed; give letters, digits and _, the first no digit',
      [`${field}.A=B`]: 'has a name that is not allowed; give letters, digits and _, the first no digit',
      [`${field}.é`]: 'has a name that is not allowed; give letters, digits and _, the first no digit',
      [`${field}.HYDRA_TASK_ID`]: 'has a name that is reserved; give one that does not begin with HYDRA_',
      [`${field}.__proto__`]: 'has a name that cannot be used; give another one',
    });
  });

  test('says what is wrong with values', () => {
    expect(faultsOfFields({ [field]: { A: 'x\0', B: '\ud800' } })).toEqual({
      [`${field}.A`]: 'contains a NUL character; remove it',
      [`${field}.B`]: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8',
    });
  });

  test('is bounded: each variable, their number, and all of them', () => {
    const longest = 'é'.repeat(MAX_VARIABLE_BYTES / 2 - 1);
    expect(faultsOfFields({ [field]: { A: longest } })).toEqual({});
    expect(faultsOfFields({ [field]: { AB: longest } })).toEqual({
      [`${field}.AB`]: 'is 102401 bytes long with its name; at most 102400 are allowed, so give more by stdin',
    });
    expect(faultsOfFields({ [field]: many(1_000, '') })).toEqual({});
    expect(faultsOfFields({ [field]: many(1_001, '\0') })).toEqual({
      [field]: 'has 1001 entries; at most 1000 are allowed',
    });
    const other = field === 'env' ? 'secret_env' : 'env';
    expect(faultsOfFields({ [field]: many(3, 'x'.repeat(100_000)) })).toEqual({
      [field]: `is 300009 bytes long together with ${other}; at most 262144 are allowed, so give more by stdin`,
    });
  });
});

describe('the environment', () => {
  test('has each variable in one of the two', () => {
    expect(faultsOfFields({ env: { A: 'x', B: 'x' }, secret_env: { B: 'y', C: 'y' } })).toEqual({
      'secret_env.B': 'is in env, too; give it in one of the two',
    });
  });

  test('is bounded in all', () => {
    const half = { A: 'x'.repeat(90_000), B: 'x'.repeat(MAX_ENVIRONMENT_BYTES / 2 - 90_000 - 4) };
    const others = { C: half.A, D: half.B };
    expect(faultsOfFields({ env: half, secret_env: others })).toEqual({});
    expect(faultsOfFields({ env: half, secret_env: { ...others, E: '' } })).toEqual({
      env: 'is 262146 bytes long together with secret_env; at most 262144 are allowed, so give more by stdin',
    });
  });

  test('says of a secret value what it is, not how it reads', () => {
    expect(faultsOfFields({ env: { A: 7_777 }, secret_env: { B: 7_777 } })).toEqual({
      'env.A': 'is the number 7777; give a string',
      'secret_env.B': 'is a number; give a string',
    });
    expect(faultsOfFields({ secret_env: 'hunter2' }).secret_env).toMatch(/^is a string; give a JSON object such as/);
    expect(faultsOfFields({ secret_env: ['hunter2'] }).secret_env).toMatch(/^is an array; give a JSON object such as/);
  });

  test('keeps secrets apart', () => {
    const task = taskOf({ env: { A: 'a' }, secret_env: { B: 'b' } });
    expect(task).toMatchObject({ options: { env: { A: 'a' } }, secretEnv: { B: 'b' } });
    expect(JSON.stringify(task.options)).not.toContain('B');
    expect(taskOf({ secret_env: {} }).secretEnv).toBeNull();
  });
});
