import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LinkFault } from '../../chaos/link.ts';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { Ledger } from '../support/ledger.ts';
import { linkTo } from '../support/link-to.ts';
import { allEnded, submitBatch } from '../support/rest-client.ts';

/* One of two coordinators cannot reach PostgreSQL, for longer than a lease. */

const LEASE_MS = 6_000;
const COUNT = 8;
/** Whatever takes longer has failed. */
const SOON = { timeout: 30_000, interval: 50 };

let ledger: Ledger;
const cleanups: (() => void)[] = [];
beforeEach(() => {
  ledger = new Ledger();
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  ledger.remove();
});
const fixture = clusterForEachTest();

/** Which coordinator each worker is registered with. */
async function homes(): Promise<string[]> {
  const sql = 'SELECT coordinator_id AS home FROM workers';
  return (await fixture.database.pool.query<{ home: string }>(sql)).rows.map(({ home }) => home);
}

test.each<[string, LinkFault]>([
  ['refused by PostgreSQL', { kind: 'refuse' }],
  ['not heard by PostgreSQL', { kind: 'stall', direction: 'both' }],
])(
  'the workers of a coordinator that alone is %s go to the other, and what they run goes on',
  async (_, fault) => {
    const { schedulerUrl } = await fixture.start({
      coordinators: 0,
      workers: 0,
      env: { HYDRA_LEASE_MS: String(LEASE_MS) },
    });
    const { link, url } = await linkTo(fixture.database.url);
    cleanups.push(() => link.close());
    const cut = await fixture.cluster.startCoordinator({ DATABASE_URL: url });
    const other = await fixture.cluster.startCoordinator();
    await Promise.all(Array.from({ length: 4 }, () => fixture.cluster.startWorker({ HYDRA_SLOTS: '2' })));
    const at = async (id: string | undefined) => (await homes()).filter((home) => home === id).length;
    // If none has gone there by itself, some are asked to.
    await expect.poll(() => at(cut.details.coordinatorId), SOON).toBeGreaterThan(0);

    // They last for two leases; each notes that it has begun and that it has ended.
    const note = (what: string) => ledger.append(`${what} $HYDRA_TASK_ID $HYDRA_ATTEMPT`);
    const command = `${note('begun')}; sleep ${(2 * LEASE_MS) / 1_000}; ${note('ended')}`;
    const ids = await submitBatch(
      schedulerUrl,
      Array.from({ length: COUNT }, () => ({ command, on_worker_lost: 'fail' })),
    );
    await expect.poll(() => ledger.lines().length, SOON).toBe(COUNT);

    link.break(fault);
    await expect.poll(() => at(other.details.coordinatorId), SOON).toBe(4);
    const ended = await allEnded(schedulerUrl, ids);
    link.mend();
    expect(ended.filter(({ state, attempt }) => state !== 'completed' || attempt !== 1)).toEqual([]);
    const lines = ids.flatMap((id) => [`begun ${id} 1`, `ended ${id} 1`]);
    expect(ledger.lines().sort()).toEqual(lines.sort());
    // It is back, and gets workers again.
    await expect.poll(() => at(cut.details.coordinatorId), SOON).toBeGreaterThan(0);
  },
  120_000,
);
