// What sessions cost while nothing runs, and where it bends.
import { setTimeout as delay } from 'node:timers/promises';
import { Fleet } from './fleet.mjs';
import { startNullCoordinator } from './limits.mjs';
import { medians, progress, quantile, table } from './numbers.mjs';
import { beginUsage, cpuOf, rssMb } from './usage.mjs';

const COLUMNS = [
  ['sessions', 'sessions'],
  ['openS', 'opened in s'],
  ['cpu', 'coordinator % of a core'],
  ['rss', 'MB'],
  ['postgres', 'PostgreSQL %'],
  ['statements', 'statements/s'],
  ['p50', 'heartbeat p50 ms'],
  ['p99', 'p99 ms'],
  ['generator', 'workers %'],
  ['others', 'others %'],
  ['ended', 'sessions lost'],
];

/** `settleS`: until the first heartbeats of workers that have come are past, and what PostgreSQL counts is up to date. */
export async function atRest({ stack, sizes, windows, windowS, settleS, wireSizes }) {
  const database = await stack.database();
  const coordinator = await stack.coordinator(database.url);
  const target = {
    pid: coordinator.pid,
    address: coordinator.address,
    postgres: () => stack.postgresCpu(),
    statements: () => stack.statements(database.name),
  };
  const rows = await measureSizes(target, { sizes, windows, windowS, settleS });
  await coordinator.stop();
  await database.drop();

  const bare = await startNullCoordinator();
  const wire = await measureSizes(
    { pid: bare.pid, address: bare.address, postgres: () => 0, statements: () => Promise.resolve(0) },
    { sizes: wireSizes, windows: 1, windowS, settleS },
  );
  await bare.stop();
  const text = [
    `At rest, heartbeats every 5 s, medians of ${windows} windows of ${windowS} s (heartbeats that come within 500 ms share a renewal):`,
    table(rows, COLUMNS),
    'The same streams at a server that only speaks the protocol:',
    table(wire, COLUMNS),
  ];
  return { text: text.join('\n'), data: { hydra: rows, wire } };
}

async function measureSizes(target, { sizes, windows, windowS, settleS }) {
  const fleet = new Fleet({ addresses: [target.address] });
  const rows = [];
  try {
    for (const size of sizes) {
      progress(`at rest: ${size} sessions`);
      const began = performance.now();
      await fleet.grow(size);
      const openS = (performance.now() - began) / 1000;
      await delay(settleS * 1000);
      const runs = [];
      for (let window = 0; window < windows; window++) runs.push(await measure(target, fleet, windowS));
      rows.push({ sessions: size, openS, ...medians(runs) });
      if (fleet.open < size || rows.at(-1).ended?.most > 0) break;
    }
  } catch (error) {
    rows.push({ sessions: `${fleet.size}: ${error.message}` });
  } finally {
    await fleet.end();
  }
  return rows;
}

async function measure(target, fleet, windowS) {
  if (fleet.size > 0) await fleet.take();
  const before = await target.statements();
  const end = beginUsage({
    coordinator: () => cpuOf(target.pid),
    postgres: () => target.postgres(),
    generator: () => fleet.cpu(),
  });
  await delay(windowS * 1000);
  const { coordinator, generator, others, postgres, seconds } = end();
  const statements = ((await target.statements()) - before) / seconds;
  const { heartbeatMs, sessionsEnded } = fleet.size > 0 ? await fleet.take() : { heartbeatMs: [], sessionsEnded: 0 };
  const heartbeat = (q) => (heartbeatMs.length === 0 ? null : quantile(heartbeatMs, q));
  const [p50, p99] = [heartbeat(0.5), heartbeat(0.99)];
  return {
    cpu: coordinator,
    rss: rssMb(target.pid),
    postgres,
    statements,
    p50,
    p99,
    generator,
    others,
    ended: sessionsEnded,
  };
}
