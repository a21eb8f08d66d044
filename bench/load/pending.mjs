// A million tasks that wait: what they cost while nothing can be done about them, and while they are worked off.
import { setTimeout as delay } from 'node:timers/promises';
import { Fleet } from './fleet.mjs';
import { median, progress, quantile, table } from './numbers.mjs';
import { AT_ONCE, seed } from './tasks.mjs';
import { beginUsage, cpuOf, rssMb } from './usage.mjs';

const COLUMNS = [
  ['pending', 'pending tasks'],
  ['first', 'first task after ms'],
  ['rate', 'tasks/s'],
  ['pass', 'claim pass ms'],
  ['list', 'list p50 ms'],
  ['listMost', 'most ms'],
  ['stats', 'stats p50 ms'],
  ['statsMost', 'most ms'],
  ['refused', 'refused'],
  ['coordinator', 'coordinator %'],
  ['postgres', 'PostgreSQL %'],
  ['rss', 'coordinator MB'],
  ['schedulerRss', 'scheduler MB'],
];

const LIST_EVERY_MS = 200;
/** Statistics are read at most once in 2 s. */
const STATS_EVERY_MS = 2_100;
/** Tasks submitted one by one, to see how soon the first is sent. */
const SINGLES = 20;
/** More than can be worked off. */
const MOST_A_SECOND = 8_000;

/** `kinds`: what waits, by a name for people. */
export async function pendingTasks({ stack, count, lanes, workers, workS }) {
  const future = { due: `now() + interval '1 day' + n * interval '1 s'` };
  const spread = { due: AT_ONCE, queue: `'q' || n % ${lanes}` };
  const rows = [
    await measure(stack, { name: 'none', count: 0, kind: future, workers, workS }),
    await measure(stack, { name: 'due in a day and later', count, kind: future, workers, workS }),
    await measure(stack, { name: 'due, in one lane', count, kind: { due: AT_ONCE }, workers, workS }),
    await measure(stack, { name: `due, in ${lanes} lanes`, count, kind: spread, workers, workS }),
  ];
  const text = [
    `With ${count.toLocaleString('en-US')} pending tasks and ${workers} workers × 4, ${workS} s of work each:`,
    table(rows, COLUMNS),
    'first task: of those due, from the first registration of a worker; else the median from the commit of a single task',
    'list and stats: GET /schedule?limit=100 and GET /stats while the work goes on',
    ...new Set(rows.flatMap(({ refusals }) => refusals)),
  ];
  return { text: text.join('\n'), data: rows };
}

async function measure(stack, { name, count, kind, workers, workS }) {
  progress(`pending tasks: ${name}`);
  const database = await stack.database();
  if (count > 0) await seed(database.pool, count, kind);
  // What autovacuum does in time.
  await database.pool.query('VACUUM ANALYZE tasks');
  const coordinator = await stack.coordinator(database.url);
  const scheduler = await stack.scheduler(database.url);
  const fleet = new Fleet({ addresses: [coordinator.address] });
  try {
    const backlog = count > 0 && kind.due === AT_ONCE;
    await fleet.grow(workers);
    const first = backlog ? await firstOfBacklog(fleet) : await firstOfSingles(fleet, database.pool);
    // Where nothing is due, what is worked off has to be brought.
    if (!backlog) await seed(database.pool, workS * MOST_A_SECOND, { due: AT_ONCE });
    await fleet.take();
    const passes = await claimPasses(coordinator);
    const end = beginUsage({ coordinator: () => cpuOf(coordinator.pid), postgres: () => stack.postgresCpu() });
    const began = performance.now();
    const [list, stats] = await Promise.all([
      ask(`${scheduler.url}/schedule?limit=100`, LIST_EVERY_MS, workS * 1000),
      ask(`${scheduler.url}/stats`, STATS_EVERY_MS, workS * 1000),
    ]);
    const { recorded } = await fleet.take();
    const seconds = (performance.now() - began) / 1000;
    const { coordinator: cpu, postgres } = end();
    const after = await claimPasses(coordinator);
    return {
      pending: name,
      first,
      rate: recorded / seconds,
      pass: ((after.seconds - passes.seconds) / (after.count - passes.count)) * 1000,
      list: median(list.took),
      listMost: Math.max(...list.took),
      stats: median(stats.took),
      statsMost: Math.max(...stats.took),
      refused: list.refusals.length + stats.refusals.length,
      refusals: [...list.refusals, ...stats.refusals],
      coordinator: cpu,
      postgres,
      rss: rssMb(coordinator.pid),
      schedulerRss: rssMb(scheduler.pid),
    };
  } finally {
    await fleet.end();
    await scheduler.stop();
    await coordinator.stop();
    await database.drop();
  }
}

/** Milliseconds from the first registration to the first task that is sent. */
async function firstOfBacklog(fleet) {
  await fleet.dispatched(1);
  const { firstDispatchAt, registeredAt } = await fleet.take();
  return firstDispatchAt - Math.min(...registeredAt);
}

async function firstOfSingles(fleet, pool) {
  const took = [];
  for (let single = 0; single < SINGLES; single++) {
    await fleet.take();
    const atMs = await seed(pool, 1, { due: AT_ONCE });
    await fleet.recorded(1);
    took.push((await fleet.take()).firstDispatchAt - atMs);
  }
  return quantile(took, 0.5);
}

async function claimPasses(coordinator) {
  return {
    seconds: await coordinator.metric('hydra_claim_pass_seconds_sum'),
    count: await coordinator.metric('hydra_claim_pass_seconds_count'),
  };
}

/** Asks again and again, and says how long each answer took and what refusals said. */
async function ask(url, everyMs, forMs) {
  const took = [];
  const refusals = [];
  for (const endMs = performance.now() + forMs; performance.now() < endMs;) {
    const began = performance.now();
    const response = await fetch(url);
    const body = await response.text();
    took.push(performance.now() - began);
    if (!response.ok) refusals.push(`${url} answered ${response.status}: ${body}`);
    await delay(Math.min(everyMs, Math.max(0, endMs - performance.now())));
  }
  return { took, refusals };
}
