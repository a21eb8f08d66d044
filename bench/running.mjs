// What running a command costs beyond the command: processor and wall time against xargs, memory while a command floods
// its output, and how long it takes until what is to be gone is gone. Run: npm run bench:running
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROUNDS = 5;
const COMMANDS = 1_000;
const SLOTS = 4;
const SAMPLES = 50;
const TREES = 20;
const FLOOD_BYTES = 1_000_000_000;
const TICKS_PER_SECOND = 100; // what sysconf(_SC_CLK_TCK) is on every Linux
const PORTS = { http: 5940, grpc: 5941 };
const url = `http://127.0.0.1:${PORTS.http}`;
const folder = mkdtempSync(join(tmpdir(), 'hydra-bench-'));

const median = (values) => quantile(values, 0.5);
const quantile = (values, q) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const spread = (values, digits = 1) =>
  `median ${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;

async function call(path, body, method = body === undefined ? 'GET' : 'POST') {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function until(condition, everyMs = 2) {
  for (;;) {
    const value = await condition();
    if (value) return value;
    await delay(everyMs);
  }
}

const ENDS = new Set(['completed', 'failed', 'cancelled', 'expired']);
const ended = (id) =>
  until(async () => {
    const task = await call(`/schedule/${id}`);
    return ENDS.has(task.state) ? task : null;
  });

/** Processes as `[pid, parent, arguments]`. */
function processes() {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [[Number(name), Number(parent), readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ')]];
    } catch {
      return [];
    }
  });
}

/** Processor seconds that a process itself has used, without those of its children. */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const rssMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
const alive = (mark) =>
  processes().some(([pid, , text]) => pid !== process.pid && text.includes(mark) && !text.includes('bench/running'));

console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
const up = spawn(
  process.execPath,
  [
    ...['dist/cli/main.js', 'up', '--data-dir', join(folder, 'data'), '--workers', '1', '--slots', String(SLOTS)],
    ...['--http-port', String(PORTS.http), '--grpc-port', String(PORTS.grpc)],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HYDRA_LOG_LEVEL: 'fatal' } },
);
const gone = new Promise((resolve) => up.once('exit', resolve));
try {
  await new Promise((resolve, reject) => {
    let printed = '';
    up.stdout.on('data', (chunk) => (printed += chunk).includes('Hydra is ready') && resolve());
    up.once('exit', () => reject(new Error(`hydra up ended:\n${printed}`)));
  });
  const [{ pid: workerPid }] = (await call('/workers')).workers;
  const coordinatorPid = processes().find(([, parent, text]) => parent === up.pid && / coordinator /.test(text))[0];
  const companion = (pid) => processes().find(([, parent, text]) => parent === pid && text.includes('guardian'))[0];
  const guardianPid = companion(workerPid);

  // Interleaved, so that both see the same machine.
  for (const command of ['true', '/bin/true', '/bin/echo hi']) {
    const figures = { hydra: [], xargs: [], cpu: [], guardian: [] };
    const input = `${command}\n`.repeat(COMMANDS);
    for (let round = 0; round < ROUNDS; round++) {
      let began = performance.now();
      execFileSync('xargs', ['-P', String(SLOTS), '-d', '\\n', '-n', '1', 'sh', '-c'], { input, maxBuffer: 1e9 });
      figures.xargs.push((performance.now() - began) / COMMANDS);
      const before = [cpuSeconds(workerPid), cpuSeconds(guardianPid)];
      began = performance.now();
      await call('/schedule/batch', { tasks: Array.from({ length: COMMANDS }, () => ({ command })) });
      await until(async () => {
        const { tasks } = await call('/schedule?state=scheduled,picked,running&limit=1');
        return tasks.length === 0;
      }, 5);
      figures.hydra.push((performance.now() - began) / COMMANDS);
      figures.cpu.push(((cpuSeconds(workerPid) - before[0]) * 1_000) / COMMANDS);
      figures.guardian.push(((cpuSeconds(guardianPid) - before[1]) * 1_000) / COMMANDS);
    }
    console.log(`\nsh -c '${command}', ${COMMANDS} commands, ${SLOTS} at once, ms a command, ${ROUNDS} rounds:`);
    console.log(`  xargs, wall:                 ${spread(figures.xargs, 2)}`);
    console.log(`  Hydra end to end, wall:      ${spread(figures.hydra, 2)}`);
    console.log(`  worker's own processor time: ${spread(figures.cpu, 2)}`);
    console.log(`  guardian's processor time:   ${spread(figures.guardian, 2)}`);
    console.log(`  Hydra / xargs, wall:         ${(median(figures.hydra) / median(figures.xargs)).toFixed(1)}`);
  }

  const pickUp = async () => {
    const began = performance.now();
    const { task_id: id } = await call('/schedule', { command: 'true' });
    const task = await ended(id);
    if (task.state !== 'completed') throw new Error(JSON.stringify(task));
    return performance.now() - began;
  };
  const quiet = [];
  for (let i = 0; i < SAMPLES; i++) quiet.push(await pickUp());
  const before = { worker: rssMb(workerPid), coordinator: rssMb(coordinatorPid), guardian: rssMb(guardianPid) };
  const peak = { ...before };
  const began = performance.now();
  const { task_id: flood } = await call('/schedule', { command: `head -c ${FLOOD_BYTES} /dev/zero` });
  const sampling = setInterval(() => {
    peak.worker = Math.max(peak.worker, rssMb(workerPid));
    peak.coordinator = Math.max(peak.coordinator, rssMb(coordinatorPid));
    peak.guardian = Math.max(peak.guardian, rssMb(guardianPid));
  }, 20);
  const busy = [];
  let floodEnded = false;
  const floodTask = ended(flood).then((task) => ((floodEnded = true), task));
  while (!floodEnded) busy.push(await pickUp());
  const { started_at: from, completed_at: to } = await floodTask;
  clearInterval(sampling);
  const kept = await fetch(`${url}/schedule/${flood}/output?stream=stdout`);
  const keptBytes = (await kept.arrayBuffer()).byteLength;
  console.log(
    `\na command that writes 1 GB: ${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s of running, ${((performance.now() - began) / 1000).toFixed(1)} s in all; ${keptBytes} bytes kept of ${kept.headers.get('x-hydra-total-bytes')}`,
  );
  for (const part of ['worker', 'coordinator', 'guardian']) {
    console.log(`  memory of the ${part}: ${before[part].toFixed(0)} MB before, ${peak[part].toFixed(0)} MB at most`);
  }
  console.log(
    `  \`true\`, request to recorded end, ms: ${spread(quiet)} on a quiet cluster, ${spread(busy)} beside it (${busy.length} samples)`,
  );

  const shapes = {
    'a sleep': (mark) => ({ command: `exec sleep ${mark}`, grace_ms: 10_000 }),
    'a tree with a setsid daemon': (mark) => ({
      command: `setsid sleep ${mark} & (sleep ${mark} &) ; sleep ${mark}`,
      grace_ms: 10_000,
    }),
    'a command that ignores TERM, grace 0': (mark) => ({
      command: `trap '' TERM; sleep ${mark} & while :; do sleep ${mark}; done`,
      grace_ms: 0,
    }),
  };
  console.log('\nfrom the request to cancel, ms:');
  let serial = 0;
  for (const [name, task] of Object.entries(shapes)) {
    const dead = [];
    const recorded = [];
    for (let i = 0; i < SAMPLES / 2; i++) {
      const mark = `${50_000 + process.pid}.${++serial}`;
      const { task_id: id } = await call('/schedule', task(mark));
      await until(() => alive(`sleep ${mark}`));
      const asked = performance.now();
      const end = call(`/schedule/${id}`, undefined, 'DELETE')
        .then(() => ended(id))
        .then(({ state }) => {
          if (state !== 'cancelled') throw new Error(`the task is ${state}`);
          return performance.now() - asked;
        });
      await until(() => !alive(`sleep ${mark}`));
      dead.push(performance.now() - asked);
      recorded.push(await end);
    }
    console.log(`  ${name}: dead ${spread(dead)}; recorded ${spread(recorded)}`);
  }

  const mark = `${70_000 + process.pid}`;
  const trees = Array.from({ length: TREES }, (_, i) => ({
    command: `setsid sleep ${mark}.${i} & (env -i setsid sleep ${mark}.${i} >/dev/null 2>&1 </dev/null &) ; trap '' TERM; sleep ${mark}.${i}`,
  }));
  const many = spawn(process.execPath, ['dist/cli/main.js', 'worker'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      HYDRA_COORDINATORS: `127.0.0.1:${PORTS.grpc}`,
      HYDRA_SLOTS: String(TREES),
      HYDRA_QUEUES: 'trees',
      HYDRA_LOG_LEVEL: 'fatal',
    },
  });
  await call('/schedule/batch', { tasks: trees.map((tree) => ({ ...tree, queue: 'trees', on_worker_lost: 'fail' })) });
  const count = () => processes().filter(([, , text]) => text.startsWith(`sleep ${mark}`)).length;
  await until(() => count() === 3 * TREES);
  const killed = performance.now();
  many.kill('SIGKILL');
  await until(() => count() === 0);
  console.log(
    `\nkill -9 of a worker with ${TREES} trees (${3 * TREES} processes): all gone after ${(performance.now() - killed).toFixed(0)} ms`,
  );
} finally {
  up.kill('SIGINT');
  await gone;
  rmSync(folder, { recursive: true, force: true });
}
