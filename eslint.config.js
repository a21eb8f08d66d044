import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
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
const importRules = folders.map((folder) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${folders.filter((from) => from !== folder && !mayImport[folder].includes(from)).join('|')})/`,
            message: `src/${folder} may import only: ${[folder, ...mayImport[folder]].join(', ')}.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/rpc/generated/', '.hydra/', 'bench/node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },
  ...importRules,
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
    languageOptions: {
      globals: Object.fromEntries(
        ['console', 'fetch', 'performance', 'process', 'setTimeout', 'setInterval', 'clearInterval', 'URL'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
  prettier,
);
