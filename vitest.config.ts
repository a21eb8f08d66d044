import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most files start processes of their own; more than two at once on two cores only adds noise.
    maxWorkers: 2,
    pool: 'forks',
  },
});
