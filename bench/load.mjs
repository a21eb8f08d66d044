// One coordinator with its default settings and up to thousands of workers that run nothing: what they cost at rest and
// under load, what a million waiting tasks cost, and how soon all are served again after a kill; beside each what the
// machine reaches without Hydra. Run: npm run bench:load -- --help
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { atRest } from './load/at-rest.mjs';
import { herd } from './load/herd.mjs';
import { median } from './load/numbers.mjs';
import { pendingTasks } from './load/pending.mjs';
import { Stack } from './load/stack.mjs';
import { underLoad } from './load/under-load.mjs';
import { yardstickMs } from './load/usage.mjs';

const HELP = `npm run bench:load -- [options]

  --quick            a smoke: everything, too small to say anything
  --json             figures as JSON on standard output, the tables on standard error
  --only NAMES       some of rest, load, pending and herd, separated by commas
  --cpu-prof FOLDER  processor profiles of the coordinators`;

const SECTIONS = {
  rest: {
    run: atRest,
    full: { sizes: [0, 100, 300, 1_000, 2_000, 4_000], windows: 3, windowS: 15, settleS: 6, wireSizes: [100, 1_000] },
    quick: { sizes: [0, 20], windows: 1, windowS: 6, settleS: 0, wireSizes: [20] },
  },
  load: {
    run: underLoad,
    full: { sizes: [10, 100, 1_000], rounds: 3, tasks: 20_000, paced: { rate: 500, seconds: 10 } },
    quick: { sizes: [5, 30], rounds: 1, tasks: 500, paced: { rate: 50, seconds: 2 } },
  },
  pending: {
    run: pendingTasks,
    full: { count: 1_000_000, lanes: 1_000, workers: 100, workS: 15 },
    quick: { count: 2_000, lanes: 20, workers: 10, workS: 1 },
  },
  herd: {
    run: herd,
    full: { sizes: [100, 1_000], rounds: 3 },
    quick: { sizes: [20], rounds: 1 },
  },
};

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(SECTIONS).join(',') },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const names = flags.only.split(',');
const unknown = names.find((name) => !(name in SECTIONS));
if (flags.help || unknown !== undefined) {
  console.log(unknown === undefined ? HELP : `there is no section ${unknown}\n\n${HELP}`);
  process.exit(unknown === undefined ? 0 : 2);
}

const print = flags.json ? console.error : console.log;

/** What the machine gives at this moment, to tell figures that were taken in bad company. */
function machineNow() {
  const yardstick = Array.from({ length: 5 }, yardstickMs);
  const noise = `${median(yardstick).toFixed(0)} ms (${Math.min(...yardstick).toFixed(0)}–${Math.max(...yardstick).toFixed(0)})`;
  return { load: loadavg()[0], yardstickMs: yardstick, noise };
}

const machine = { cores: cpus().length, model: cpus()[0].model, node: process.version, date: new Date().toISOString() };
print(`${machine.cores} × ${machine.model}, Node ${machine.node}, ${machine.date.slice(0, 10)}`);
print('Shares of processor time are percent of one core; workers are simulated, and theirs is what simulating takes.');

const stack = new Stack(flags['cpu-prof'] ?? null);
const results = {};
try {
  await stack.start();
  for (const name of names) {
    const { run, full, quick } = SECTIONS[name];
    const before = machineNow();
    const { data, text } = await run({ stack, ...(flags.quick ? quick : full) });
    results[name] = { before, data };
    print(`\n[load average ${before.load.toFixed(1)}, a fixed loop takes ${before.noise}]\n${text}`);
  }
} finally {
  await stack.stop();
}
if (flags.json) console.log(JSON.stringify({ machine, quick: flags.quick, results }));
