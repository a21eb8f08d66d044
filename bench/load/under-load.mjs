// Tasks through workers that run nothing: as many as go through, and at a pace that leaves time.
import { Fleet } from './fleet.mjs';
import { bareStatements, startNullCoordinator } from './limits.mjs';
import { median, medians, progress, quantile, table } from './numbers.mjs';
import { AT_ONCE, lostAttempts, seed } from './tasks.mjs';
import { beginUsage, cpuOf, rssMb } from './usage.mjs';

const COLUMNS = [
  ['workers', 'workers × 4'],
  ['rate', 'tasks/s'],
  ['ofSql', 'of bare SQL'],
  ['ofWire', 'of bare wire'],
  ['coordinator', 'coordinator %'],
  ['perTask', 'µs of it a task'],
  ['postgres', 'PostgreSQL %'],
  ['generator', 'workers %'],
  ['others', 'others %'],
  ['rss', 'coordinator MB'],
];
const PACED = [
  ['workers', 'workers × 4'],
  ['rate', 'tasks/s'],
  ['p50', 'sent late p50 ms'],
  ['p99', 'p99 ms'],
  ['most', 'most ms'],
  ['coordinator', 'coordinator %'],
  ['postgres', 'PostgreSQL %'],
  ['generator', 'workers %'],
];
const WIRE = [
  ['workers', 'workers × 4'],
  ['rate', 'tasks/s'],
  ['coordinator', 'server %'],
  ['generator', 'workers %'],
];

export async function underLoad({ stack, sizes, rounds, tasks, paced }) {
  const sql = await inRounds(rounds, async () => ({ rate: await bareStatements(stack, tasks) }));
  const wire = [];
  for (const workers of sizes) wire.push({ workers, ...(await bareWire(workers, rounds, tasks)) });
  const rows = [];
  const pacedRows = [];
  for (const [at, workers] of sizes.entries()) {
    const { fast, slow } = await throughHydra(stack, { workers, rounds, tasks, paced });
    const ratio = (limit) => `${((fast.rate.median / limit.rate.median) * 100).toFixed(0)} %`;
    rows.push({ workers, ...fast, ofSql: ratio(sql), ofWire: ratio(wire[at]) });
    pacedRows.push({ workers, ...slow });
  }
  const text = [
    `Under load, ${tasks.toLocaleString('en-US')} tasks that are due at once, medians of ${rounds} rounds:`,
    table(rows, COLUMNS),
    `bare SQL, claiming and recording by 500 and nothing else: ${Math.round(sql.rate.median).toLocaleString('en-US')} tasks/s`,
    'bare wire, the same streams at a server that only speaks the protocol:',
    table(wire, WIRE),
    `At a pace of ${paced.rate} tasks/s, due at instants within ${paced.seconds} s:`,
    table(pacedRows, PACED),
  ];
  return { text: text.join('\n'), data: { hydra: rows, paced: pacedRows, sql, wire } };
}

async function inRounds(rounds, run) {
  const runs = [];
  for (let round = 0; round < rounds; round++) runs.push(await run());
  return medians(runs);
}

async function bareWire(workers, rounds, tasks) {
  progress(`bare wire: ${workers} workers`);
  const server = await startNullCoordinator();
  const fleet = new Fleet({ addresses: [server.address] });
  try {
    await fleet.grow(workers);
    return await inRounds(rounds, async () => {
      await fleet.take();
      const end = beginUsage({ coordinator: () => cpuOf(server.pid), generator: () => fleet.cpu() });
      server.send(tasks);
      await fleet.recorded(tasks);
      const { coordinator, generator, seconds } = end();
      return { rate: tasks / seconds, coordinator, generator };
    });
  } finally {
    await fleet.end();
    await server.stop();
  }
}

async function throughHydra(stack, { workers, rounds, tasks, paced }) {
  progress(`under load: ${workers} workers`);
  const database = await stack.database();
  const coordinator = await stack.coordinator(database.url);
  const fleet = new Fleet({ addresses: [coordinator.address] });
  const usage = () =>
    beginUsage({
      coordinator: () => cpuOf(coordinator.pid),
      postgres: () => stack.postgresCpu(),
      generator: () => fleet.cpu(),
    });
  try {
    await fleet.grow(workers);
    const fast = await inRounds(rounds, async () => {
      await fleet.take();
      const end = usage();
      const beganAt = await seed(database.pool, tasks, { due: AT_ONCE });
      await fleet.recorded(tasks);
      const { coordinator: cpu, generator, others, postgres, seconds } = end();
      const { lastRecordedAt } = await fleet.take();
      const rate = tasks / ((lastRecordedAt - beganAt) / 1000);
      const perTask = ((cpu / 100) * seconds * 1e6) / tasks;
      return { rate, coordinator: cpu, perTask, postgres, generator, others, rss: rssMb(coordinator.pid) };
    });
    const slow = await inRounds(1, async () => {
      const count = paced.rate * paced.seconds;
      const due = `now() + interval '2 s' + n * interval '${1 / paced.rate} s'`;
      await seed(database.pool, count, { due });
      const end = usage();
      await fleet.recorded(count);
      const { coordinator: cpu, generator, postgres } = end();
      const { lateMs } = await fleet.take();
      const late = { p50: median(lateMs), p99: quantile(lateMs, 0.99), most: Math.max(...lateMs) };
      return { rate: paced.rate, ...late, coordinator: cpu, postgres, generator };
    });
    const lost = await lostAttempts(database.pool, rounds * tasks + paced.rate * paced.seconds);
    if (lost > 0) throw new Error(`${lost} attempts were lost`);
    return { fast, slow };
  } finally {
    await fleet.end();
    await coordinator.stop();
    await database.drop();
  }
}
