// A coordinator with many workers is killed: how long until another one serves them all.
import { freePort } from '../../dist/cli/free-port.js';
import { Fleet } from './fleet.mjs';
import { median, medians, progress, quantile, table } from './numbers.mjs';
import { AT_ONCE, lostAttempts, seed } from './tasks.mjs';
import { beginUsage, cpuOf } from './usage.mjs';

const COLUMNS = [
  ['sessions', 'sessions'],
  ['moved', 'hit by the kill'],
  ['p50', 'registered again p50 s'],
  ['p99', 'p99 s'],
  ['most', 'all s'],
  ['coordinator', 'coordinator %'],
  ['postgres', 'PostgreSQL %'],
  ['generator', 'workers %'],
  ['lost', 'lost attempts'],
];

export async function herd({ stack, sizes, rounds }) {
  const rows = [];
  for (const size of sizes) rows.push(await measure(stack, size, rounds));
  const text = [
    `A coordinator is killed and the only other one takes its workers, each with a running command, medians of ${rounds} rounds:`,
    table(rows, COLUMNS),
  ];
  return { text: text.join('\n'), data: rows };
}

async function measure(stack, size, rounds) {
  const database = await stack.database();
  const ports = [await freePort(), await freePort()];
  const fleet = new Fleet({ addresses: ports.map((port) => `127.0.0.1:${port}`), slots: 1, hold: true });
  let serving = await stack.coordinator(database.url, ports[0]);
  try {
    await fleet.grow(size);
    await seed(database.pool, size, { due: AT_ONCE });
    await fleet.dispatched(size);
    const runs = [];
    for (let round = 1; round <= rounds; round++) {
      progress(`herd: ${size} sessions, round ${round}`);
      // Killed as soon as the other one is there, before workers are moved to that.
      const heir = await stack.coordinator(database.url, ports[round % 2]);
      const moved = await serving.metric('hydra_sessions');
      await fleet.take();
      const end = beginUsage({
        coordinator: () => cpuOf(heir.pid),
        postgres: () => stack.postgresCpu(),
        generator: () => fleet.cpu(),
      });
      const killedAt = performance.timeOrigin + performance.now();
      await serving.kill();
      serving = heir;
      await fleet.registered(moved);
      const { coordinator, generator, postgres } = end();
      const { registeredAt } = await fleet.take();
      const tookS = registeredAt.map((at) => (at - killedAt) / 1000);
      const waits = { p50: median(tookS), p99: quantile(tookS, 0.99), most: Math.max(...tookS) };
      runs.push({ moved, ...waits, coordinator, postgres, generator });
    }
    await fleet.finish();
    await fleet.recorded(size);
    return { sessions: size, ...medians(runs), lost: await lostAttempts(database.pool, size) };
  } catch (error) {
    return { sessions: `${size}: ${error.message}` };
  } finally {
    await fleet.end();
    await serving.kill();
    await database.drop();
  }
}
