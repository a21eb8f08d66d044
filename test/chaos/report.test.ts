import { expect, test } from 'vitest';
import { check } from '../../chaos/checker.ts';
import type { Verdict } from '../../chaos/checker/verdict.ts';
import { jsonReport, markdownReport, textReport, type RunReport } from '../../chaos/report.ts';
import { falsifications } from './support/falsifications.ts';
import { cast } from './support/falsify.ts';
import { tell } from './support/truth.ts';

const truth = tell(cast);
const lie = falsifications.find(({ violation }) => violation === 'early')!;
const good: RunReport = { seed: 42, durationMs: 1_805_400, verdict: check(truth) };
const bad: RunReport = { seed: 7, durationMs: 60_000, verdict: check(lie.tell(truth)) };

/** The cells of a row of a report. */
function row(report: string, name: string): string[] {
  const line = report.split('\n').find((text) => text.startsWith(name))!;
  return line.slice(name.length).trim().split(/ {2,}/);
}

const markdownRow = (name: string) =>
  markdownReport([good, bad])
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .find((cells) => cells[1] === name)!
    .slice(2, -1);

test('shows one run: its tasks, zeros where they belong, and how long recovery took', () => {
  const report = textReport([good]);
  expect(row(report, 'seed')).toEqual(['42']);
  expect(row(report, 'duration')).toEqual(['30 min 5 s']);
  expect(row(report, 'tasks accepted')).toEqual(['9']);
  expect(row(report, 'starts before the scheduled time')).toEqual(['0']);
  expect(row(report, 'kind ')).toEqual(['completed', 'expired', 'failed']);
  expect(row(report, 'exited')).toEqual(['4', '0', '1']);
  expect(row(report, 'kill')).toEqual(['2', '15.00 s', '15.00 s']);
});

test('shows several runs side by side with their sum, and the evidence of what went wrong', () => {
  const report = textReport([good, bad]);
  expect(row(report, 'seed')).toEqual(['42', '7', 'all']);
  expect(row(report, 'duration')).toEqual(['30 min 5 s', '1 min 0 s', '31 min 5 s']);
  expect(row(report, 'commands started  ')).toEqual(['10', '10', '20']);
  expect(report).toContain('starts before the scheduled time: 1\n\ntask key-0');
  expect(report).toMatch(/starts before the scheduled time +0 +1 +1\n/);
});

test('writes the same figures as Markdown', () => {
  expect(markdownRow('starts before the scheduled time')).toEqual(['0', '1', '1']);
  expect(markdownRow('tasks accepted')).toEqual(['9', '9', '18']);
  expect(markdownRow('kill')).toEqual(['4', '15.00 s', '15.00 s']);
  expect(markdownReport([good])).toMatch(/^\| seed +\| +42 \|\n\| -+ \| -+: \|\n/);
});

test('takes p50 and max over the faults of all runs', () => {
  const withRecovery = (afterMs: readonly number[], faults: number): RunReport => {
    const verdict: Verdict = { ...good.verdict, recovery: [{ kind: 'pause', faults, afterMs }] };
    return { ...good, verdict };
  };
  const report = textReport([withRecovery([1_000, 4_000], 2), withRecovery([2_000, 9_000], 3)]);
  expect(row(report, 'pause')).toEqual(['5', '2.00 s', '9.00 s']);
  expect(row(textReport([withRecovery([], 1)]), 'pause')).toEqual(['1', '-', '-']);
});

test('writes everything as JSON', () => {
  expect(JSON.parse(jsonReport([good, bad]))).toEqual({ holds: false, runs: [good, bad] });
  expect(JSON.parse(jsonReport([good]))).toMatchObject({ holds: true });
});
