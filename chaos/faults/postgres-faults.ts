import type pg from 'pg';
import { seconds, type Brought, type FaultDraft, type FaultKind, type World } from './fault.ts';

const TABLES = ['tasks', 'workers', 'coordinators'] as const;
/** How often it is tried to take the connections that have become free. */
const GRAB_MS = 50;
/** Longest that PostgreSQL may take to come back after its disk was full. */
const REVIVE_MS = 2_000;

/** PostgreSQL: that it is away, hangs, or cannot do what it is asked. */
export const POSTGRES_FAULTS: readonly FaultKind[] = [
  {
    name: 'postgres-restart',
    description: 'a fast restart: connections are ended',
    draw: () =>
      draft(0, '', async ({ postgres }) => {
        await postgres.stop();
        await postgres.start();
      }),
  },
  {
    name: 'postgres-crash',
    description: 'SIGKILL of all its processes',
    draw: (random) => {
      const awayMs = random.integer(0, 2_000);
      return draft(awayMs, `back after ${seconds(awayMs)}`, async ({ pause, postgres }) => {
        await postgres.crash();
        await pause(awayMs);
        await postgres.start();
      });
    },
  },
  {
    name: 'postgres-stop',
    description: 'it is stopped for a while; up to 30 s in runs of ten minutes and more',
    draw: (random, { patient, shape: { leaseMs } }) => {
      const lastsMs = patient ? random.integer(5_000, 30_000) : random.integer(leaseMs, 2.5 * leaseMs);
      return draft(lastsMs, `for ${seconds(lastsMs)}`, async ({ pause, postgres }) => {
        await postgres.stop();
        await pause(lastsMs);
        await postgres.start();
      });
    },
  },
  {
    name: 'postgres-halt',
    description: 'SIGSTOP of all its processes, SIGCONT later',
    draw: (random, { shape: { leaseMs } }) => {
      const lastsMs = random.integer(0.3 * leaseMs, 2 * leaseMs);
      return draft(lastsMs, `for ${seconds(lastsMs)}`, async ({ pause, postgres }) => {
        const goOn = postgres.halt();
        try {
          await pause(lastsMs);
        } finally {
          goOn();
        }
      });
    },
  },
  {
    name: 'postgres-read-only',
    description: 'as in a failover: connections are ended, and for a while it can only be read',
    draw: (random, { shape: { leaseMs } }) => {
      const lastsMs = random.integer(0.3 * leaseMs, 2 * leaseMs);
      return draft(lastsMs, `for ${seconds(lastsMs)}`, async ({ pause, postgres }) => {
        await postgres.setReadOnly(true);
        await pause(lastsMs);
        await postgres.setReadOnly(false);
      });
    },
  },
  {
    name: 'postgres-connections',
    description: 'all its connections are taken by others',
    draw: (random, { shape: { leaseMs } }) => {
      const lastsMs = random.integer(0.3 * leaseMs, 2 * leaseMs);
      return draft(lastsMs, `for ${seconds(lastsMs)}`, (world) => takeConnections(world, lastsMs));
    },
  },
  {
    name: 'postgres-lock',
    description: 'a table is locked for a while: statements wait',
    draw: (random, { shape: { leaseMs } }) => {
      const table = random.pick(TABLES);
      const lastsMs = random.integer(0.3 * leaseMs, 2 * leaseMs);
      return draft(lastsMs, `${table} for ${seconds(lastsMs)}`, async ({ pause, postgres }) => {
        const client = await postgres.connect();
        try {
          await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
          await pause(lastsMs);
        } finally {
          await client.end();
        }
      });
    },
  },
  {
    name: 'disk-full',
    description: 'the disk with its data is full for a while',
    needsDisk: true,
    draw: (random, { shape: { leaseMs } }) => {
      const lastsMs = random.integer(0.5 * leaseMs, 2 * leaseMs);
      return draft(lastsMs, `for ${seconds(lastsMs)}`, async ({ pause, postgres }) => {
        const free = postgres.fillDisk();
        try {
          await pause(lastsMs);
        } finally {
          free();
        }
        // It may be about to give up just now.
        for (const until = Date.now() + REVIVE_MS; Date.now() < until;) {
          await postgres.revive();
          await pause(GRAB_MS);
        }
      });
    },
  },
];

function draft(lastsMs: number, note: string, what: (world: World) => Promise<void>): FaultDraft {
  return {
    area: 'database',
    target: 'postgres',
    lastsMs,
    note,
    bring: (world): Promise<Brought> =>
      world.postgres.alone(async () => {
        const beganMs = Date.now();
        await what(world);
        const healedMs = Date.now();
        const recovered = world.recovery.untilTaskRuns();
        return { mayCost: [], beganMs, healedMs, countsFrom: 'healed', recovered, recovery: 'a new task has run' };
      }),
  };
}

/** Takes every connection that there is, those of Hydra included, and those that come free. */
async function takeConnections({ pause, postgres }: World, lastsMs: number): Promise<void> {
  const taken: pg.Client[] = [];
  try {
    const takeAll = async () => {
      for (;;) taken.push(await postgres.connect());
    };
    await takeAll().catch(() => undefined);
    await postgres.disconnectOthers(taken[0]);
    for (const until = Date.now() + lastsMs; Date.now() < until;) {
      await takeAll().catch(() => undefined);
      await pause(GRAB_MS);
    }
  } finally {
    await Promise.all(taken.map((client) => client.end()));
  }
}
