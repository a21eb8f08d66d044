import { VIOLATION_KINDS, VIOLATIONS, type Recovery, type Verdict } from './checker/verdict.ts';
import { markdownTable, textTable, type Table } from './table.ts';

/** One run of the harness. */
export interface RunReport {
  /** The run does the same to the same tasks when it is given again. */
  readonly seed: number;
  readonly durationMs: number;
  readonly verdict: Verdict;
}

/** For people at a terminal: the figures, what each run found, and how its tasks ended. */
export function textReport(runs: readonly RunReport[]): string {
  const parts = runs.flatMap(({ seed, verdict }) => [
    `Tasks of seed ${seed}`,
    textTable(stateTable(verdict)),
    ...VIOLATION_KINDS.flatMap((kind) => {
      const { count, examples } = verdict.violations[kind];
      return count === 0 ? [] : [`${VIOLATIONS[kind]}: ${count}`, ...examples];
    }),
  ]);
  return [...parts, textTable(figures(runs)), textTable(recoveries(runs))].join('\n\n') + '\n';
}

/** The figures alone, for documents. */
export function markdownReport(runs: readonly RunReport[]): string {
  return `${markdownTable(figures(runs))}\n\n${markdownTable(recoveries(runs))}\n`;
}

/** Everything, for programs. */
export function jsonReport(runs: readonly RunReport[]): string {
  return `${JSON.stringify({ holds: runs.every(({ verdict }) => verdict.holds), runs }, null, 2)}\n`;
}

/** How the tasks of each kind ended. */
function stateTable({ totals: { states } }: Verdict): Table {
  const columns = [...new Set(Object.values(states).flatMap((counts) => Object.keys(counts)))].sort();
  const rows = Object.entries(states).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ['kind', ...columns],
    ...rows.map(([kind, counts]) => [kind, ...columns.map((state) => number(counts[state] ?? 0))]),
  ];
}

/** A column for each run, and their sum if there are several. */
function figures(runs: readonly RunReport[]): Table {
  const row = (name: string, read: (run: RunReport) => number, show = number) => {
    const values = runs.map(read);
    const sum = values.reduce((total, value) => total + value, 0);
    return [name, ...[...values, ...(runs.length > 1 ? [sum] : [])].map((value) => show(value))];
  };
  const total = (name: string, field: Exclude<keyof Verdict['totals'], 'states'>) =>
    row(name, ({ verdict }) => verdict.totals[field]);
  return [
    ['seed', ...runs.map(({ seed }) => String(seed)), ...(runs.length > 1 ? ['all'] : [])],
    row('duration', ({ durationMs }) => durationMs, duration),
    total('tasks accepted', 'accepted'),
    total('commands started', 'starts'),
    total('ends of attempts recorded', 'recorded'),
    total('attempts lost', 'lostAttempts'),
    total('commands started again after that', 'startedAgain'),
    total('attempts lost, explained only by a busy machine', 'lostToBusyMachine'),
    row('faults', ({ verdict }) => verdict.recovery.reduce((sum, { faults }) => sum + faults, 0)),
    ...VIOLATION_KINDS.map((kind) => row(VIOLATIONS[kind], ({ verdict }) => verdict.violations[kind].count)),
  ];
}

/** Of all runs together: how soon each kind of fault was recovered from. */
function recoveries(runs: readonly RunReport[]): Table {
  const all = new Map<string, Recovery>();
  for (const { afterMs, faults, kind } of runs.flatMap(({ verdict }) => verdict.recovery)) {
    const before = all.get(kind);
    all.set(kind, { kind, faults: faults + (before?.faults ?? 0), afterMs: [...(before?.afterMs ?? []), ...afterMs] });
  }
  const rows = [...all.values()].map(({ afterMs, faults, kind }) => {
    const sorted = afterMs.toSorted((a, b) => a - b);
    // The lower of the two in the middle: one that was measured.
    const middle = sorted[Math.ceil(sorted.length / 2) - 1];
    return [kind, number(faults), seconds(middle), seconds(sorted.at(-1))];
  });
  return [['fault', 'times', 'recovery p50', 'max'], ...rows.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1_000).toFixed(2)} s`;
}

function duration(ms: number): string {
  const whole = Math.round(ms / 1_000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
