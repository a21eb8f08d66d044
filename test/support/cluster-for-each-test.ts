import { afterEach, beforeEach } from 'vitest';
import { startCluster, type TestCluster, type TestClusterOptions } from './cluster.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export interface ClusterForEachTest {
  /** That of the test under way. */
  readonly database: TestDatabase;
  /** What the test under way has started. */
  readonly cluster: TestCluster;
  /** Once in a test. */
  start(options: Omit<TestClusterOptions, 'database'>): Promise<TestCluster>;
}

/**
 * Gives each test of a file a database of its own, and a cluster when it starts one. Afterwards both are gone, and the
 * test fails on whatever the cluster left behind. Hooks that are set up before this one run after it.
 */
export function clusterForEachTest(): ClusterForEachTest {
  let database: TestDatabase | undefined;
  let cluster: TestCluster | undefined;

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    try {
      await cluster?.stop();
    } finally {
      cluster = undefined;
      await database?.close();
      database = undefined;
    }
  });
  return {
    get database() {
      if (database === undefined) throw new Error('there is no test under way');
      return database;
    },
    get cluster() {
      if (cluster === undefined) throw new Error('this test has started no cluster');
      return cluster;
    },
    async start(options) {
      return (cluster = await startCluster({ database: this.database, ...options }));
    },
  };
}
