import { writeFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { ConfigError } from '../src/runtime/config.ts';
import { EXIT } from '../src/runtime/process.ts';
import { FAULT_KINDS } from './faults/catalogue.ts';
import { readFlags, type ChaosFlags } from './flags.ts';
import { describePlan, makePlan, type Plan } from './plan.ts';
import { jsonReport, markdownReport, textReport, type RunReport } from './report.ts';
import { RunFolder } from './run-folder.ts';
import { run } from './run.ts';
import { canMount } from './tmpfs.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  let flags: ChaosFlags;
  try {
    flags = readFlags(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.misconfigured;
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`chaos: ${error.message}\n`);
    return EXIT.misconfigured;
  }
  if (process.platform !== 'linux') {
    process.stderr.write('chaos: looks for what is left over in /proc, and halts PostgreSQL by it; run it on Linux\n');
    return EXIT.misconfigured;
  }
  const impossible = canMount()
    ? []
    : FAULT_KINDS.filter(({ needsDisk }) => needsDisk === true).map(({ name }) => name);
  const leftOut = impossible.filter((name) => flags.faults.includes(name));
  const faults = flags.faults.filter((name) => !leftOut.includes(name));
  if (leftOut.length > 0) {
    process.stderr.write(`chaos: left out, since no disk can be mounted here: ${leftOut.join(', ')}\n`);
  }
  const plans = flags.seeds.map((seed) => makePlan({ ...flags, faults, seed }));
  if (flags.printPlan) {
    for (const plan of plans) print(describePlan(plan));
    return EXIT.ok;
  }
  const reports: RunReport[] = [];
  for (const plan of plans) reports.push(await runOne(plan, flags));
  process.stdout.write(textReport(reports));
  if (flags.json !== null) writeFileSync(flags.json, jsonReport(reports));
  if (flags.markdown !== null) writeFileSync(flags.markdown, markdownReport(reports));
  return reports.every(({ verdict }) => verdict.holds) ? EXIT.ok : EXIT.failed;
}

async function runOne(plan: Plan, flags: ChaosFlags): Promise<RunReport> {
  const folder = new RunFolder(plan.seed, flags.folder);
  print(`${describePlan(plan)}\nlogs and records: ${folder.path}`);
  folder.write('plan.txt', `${describePlan(plan)}\n`);
  const beganMs = performance.now();
  const tell = (text: string) => print(`${((performance.now() - beganMs) / 1_000).toFixed(1).padStart(8)} s  ${text}`);
  const report = await run(plan, folder, abort.signal, tell).catch((error: unknown) => {
    if (abort.signal.aborted && !flags.keep) folder.remove();
    else print(`kept: ${folder.path}`);
    throw error;
  });
  folder.write('report.txt', textReport([report]));
  if (report.verdict.holds && !flags.keep) folder.remove();
  else print(`kept: ${folder.path}`);
  return report;
}

const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort());

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(abort.signal.aborted ? 'chaos: called off\n' : `chaos: the harness failed\n${String(error)}\n`);
  if (error instanceof Error && !abort.signal.aborted) process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = EXIT.failed;
}
