import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Which folder of src/ may import which; the picture in docs/architecture.md is this table. */
const mayImport = {
  domain: [],
  db: ['domain'],
  rpc: ['domain'],
  runtime: ['domain'],
  scheduler: ['domain', 'db', 'runtime'],
  coordinator: ['domain', 'db', 'rpc', 'runtime'],
  worker: ['domain', 'rpc', 'runtime'],
  cli: ['domain', 'db', 'rpc', 'runtime', 'scheduler', 'coordinator', 'worker'],
};
const folders = Object.keys(mayImport);
const zones = folders.flatMap((target) =>
  folders
    .filter((from) => from !== target && !mayImport[target].includes(from))
    .map((from) => ({
      target: `./src/${target}`,
      from: `./src/${from}`,
      message: `src/${target} may import only: ${[target, ...mayImport[target]].join(', ')}.`,
    })),
);

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/rpc/generated/', '.hydra/', 'bench/node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver': { node: { extensions: ['.ts'] } } },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },
  {
    // The environment is read in one place per process, so that a test can hand in its own.
    files: ['src/**/*.ts'],
    ignores: ['src/**/main.ts', 'src/cli/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only main.ts reads process.env; take a config instead.' },
      ],
    },
  },
  {
    // In a test a failed assumption should throw.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.mjs', '*.config.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
  prettier,
);
