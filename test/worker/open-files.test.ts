import { expect, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { checkOpenFiles } from '../../src/worker/open-files.ts';

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max open files            ${soft.padEnd(20)} 524288               files
`;

test('more slots than files can be opened for are refused, and it is said what would do', () => {
  expect(() => checkOpenFiles(200, limits('256'))).toThrow(ConfigError);
  expect(() => checkOpenFiles(200, limits('256'))).toThrow(
    'HYDRA_SLOTS is 200, for which a worker may need 1000 open files, and this one may have 256; ' +
      'give fewer slots, or raise the limit (ulimit -n, LimitNOFILE=)',
  );
});

test('as many as there are files for are not, nor any where the limit is not known', () => {
  expect(() => checkOpenFiles(200, limits('1000'))).not.toThrow();
  expect(() => checkOpenFiles(10_000, limits('unlimited'))).not.toThrow();
  expect(() => checkOpenFiles(10_000, '')).not.toThrow();
});

test('this process may have as many as the default takes', () => {
  expect(() => checkOpenFiles(4)).not.toThrow();
});
