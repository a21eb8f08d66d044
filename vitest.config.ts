import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many files wait for timeouts and leases most of the time, so that two cores have room for four.
    maxWorkers: 4,
    pool: 'forks',
  },
});
