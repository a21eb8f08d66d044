// First figures of a whole cluster as `hydra up` starts it: time to ready, latency of a task due now, lateness of tasks
// scheduled ahead, and the time for many short commands. Run: npm run bench:cluster
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

const SAMPLES = 200;
const COMMANDS = 5_000;
const PORTS = { http: 5930, grpc: 5931 };
const url = `http://127.0.0.1:${PORTS.http}`;

const folder = mkdtempSync(join(tmpdir(), 'hydra-bench-'));
const up = () =>
  spawn(
    process.execPath,
    [
      ...['dist/cli/main.js', 'up', '--data-dir', join(folder, 'data')],
      ...['--http-port', String(PORTS.http), '--grpc-port', String(PORTS.grpc), ...process.argv.slice(2)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HYDRA_LOG_LEVEL: 'warn' } },
  );

/** Milliseconds until the child prints that it is ready. */
function ready(child) {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes('Hydra is ready')) resolve(performance.now() - began);
    });
    child.on('exit', () => reject(new Error(`hydra up ended:\n${printed}`)));
  });
}

async function stop(child) {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.removeAllListeners('exit');
  child.once('exit', () => undefined);
  child.kill('SIGINT');
  await Promise.race([exited, new Promise((resolve) => child.once('close', resolve))]);
}

async function call(path, body) {
  const response = await fetch(
    `${url}${path}`,
    body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
  );
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function ended(id) {
  for (;;) {
    const task = await call(`/schedule/${id}`);
    if (task.completed_at !== null) return task;
    if (task.failed_at !== null) throw new Error(`task ${id} failed: ${JSON.stringify(task)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const quantile = (values, q) =>
  values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const spread = (values) => `p50 ${quantile(values, 0.5).toFixed(1)} ms, p99 ${quantile(values, 0.99).toFixed(1)} ms`;

/** Each command writes the time of its first instruction, so that truth does not come from Hydra's own records. */
const stamp = (file) => `date +%s%N > ${file}`;
const stampOf = async (file) =>
  Number(BigInt((await import('node:fs')).readFileSync(file, 'utf8').trim()) / 1000n) / 1000;

console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
let child = up();
try {
  console.log(`ready, first start (initdb):   ${((await ready(child)) / 1000).toFixed(1)} s`);
  await stop(child);
  child = up();
  console.log(`ready, data folder exists:     ${((await ready(child)) / 1000).toFixed(1)} s`);

  const recorded = [];
  const instructed = [];
  for (let i = 0; i < SAMPLES; i++) {
    const file = join(folder, `now-${i}`);
    const { task_id: id } = await call('/schedule', { command: stamp(file) });
    const answeredMs = performance.timeOrigin + performance.now();
    const task = await ended(id);
    recorded.push(Date.parse(task.started_at) - answeredMs);
    instructed.push((await stampOf(file)) - answeredMs);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(`201 received → started_at:     ${spread(recorded)} (${SAMPLES} tasks, one at a time)`);
  console.log(`201 received → clock read by the command: ${spread(instructed)}`);

  const begin = Date.now() + 2_000;
  const ahead = Array.from({ length: SAMPLES }, (_, i) => ({
    file: join(folder, `ahead-${i}`),
    at: new Date(begin + Math.floor(Math.random() * SAMPLES * 50)),
  }));
  const { task_ids: ids } = await call('/schedule/batch', {
    tasks: ahead.map(({ at, file }) => ({ command: stamp(file), scheduled_at: at.toISOString() })),
  });
  const tasks = [];
  for (const id of ids) tasks.push(await ended(id));
  const late = tasks.map((task) => Date.parse(task.started_at) - Date.parse(task.scheduled_at));
  const lateCommand = await Promise.all(ahead.map(async ({ at, file }) => (await stampOf(file)) - at.getTime()));
  console.log(
    `scheduled_at → started_at:     ${spread(late)}, least ${Math.min(...late)} ms (${SAMPLES} tasks over ${SAMPLES / 20} s)`,
  );
  console.log(
    `scheduled_at → clock read by the command: ${spread(lateCommand)}, least ${Math.min(...lateCommand).toFixed(1)} ms`,
  );

  const ledger = join(folder, 'ledger');
  const began = performance.now();
  await call('/schedule/batch', { tasks: Array.from({ length: COMMANDS }, () => ({ command: 'true' })) });
  await call('/schedule', { command: `echo > ${ledger}`, priority: -100 });
  for (;;) {
    const { tasks: counts } = await call('/stats');
    if (counts.scheduled + counts.picked + counts.running === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const seconds = (performance.now() - began) / 1000;
  if (statSync(ledger).size === 0) throw new Error('the last command did not run');
  console.log(
    `${COMMANDS} × true:                  ${seconds.toFixed(1)} s (${Math.round(COMMANDS / seconds)} commands/s)`,
  );
} finally {
  await stop(child);
  rmSync(folder, { recursive: true, force: true });
}
