import { checkAcceptance } from './checker/acceptance.ts';
import { checkCauses } from './checker/causes.ts';
import { checkAudit, checkEndings } from './checker/endings.ts';
import { checkOverlaps } from './checker/overlaps.ts';
import { checkResults } from './checker/results.ts';
import { checkStarts } from './checker/starts.ts';
import { checkLedger, checkSurroundings } from './checker/surroundings.ts';
import { taskCases } from './checker/task-case.ts';
import { recoveriesOf, totalsOf } from './checker/totals.ts';
import { VIOLATION_KINDS, type Finding, type Found, type Verdict, type Violation } from './checker/verdict.ts';
import type { History } from './events.ts';

/** So many of each violation are shown. */
const EXAMPLES = 5;

/**
 * Judges a run by what its commands wrote, what clients were told, and what PostgreSQL has stored in the end and on the
 * way there.
 * @throws Error when two planned tasks have one key: the harness is at fault then.
 */
export function check(history: History): Verdict {
  const cases = taskCases(history);
  const findings: Finding[] = [...checkSurroundings(history), ...checkAcceptance(history, cases)];
  for (const item of cases) {
    findings.push(
      ...checkEndings(item),
      ...checkAudit(item),
      ...checkResults(item),
      ...checkStarts(item),
      ...checkOverlaps(item),
      ...checkCauses(item, history.faults),
      ...checkLedger(item),
    );
  }
  return {
    holds: findings.length === 0,
    totals: totalsOf(history, cases),
    violations: Object.fromEntries(VIOLATION_KINDS.map((kind) => [kind, collect(findings, kind)])) as Record<
      Violation,
      Found
    >,
    recovery: recoveriesOf(history.faults),
  };
}

function collect(findings: readonly Finding[], kind: Violation): Found {
  const ofKind = findings.filter(({ violation }) => violation === kind);
  return { count: ofKind.length, examples: ofKind.slice(0, EXAMPLES).map(({ evidence }) => evidence) };
}
