import type { Violation } from '../../../chaos/checker/verdict.ts';
import type { History } from '../../../chaos/events.ts';
import {
  all,
  atOf,
  idOf,
  isOf,
  keyOf,
  start,
  withFaults,
  withLines,
  withMoreLines,
  withPlan,
  withTask,
  withTransitions,
  type Role,
} from './falsify.ts';
import { uuid } from './truth.ts';

/*
 * Ways in which a run could go wrong, each as one lie told about a history that is true otherwise. They are told about
 * the cast, the first tasks of the history, whatever else is in it.
 */

export interface Falsification {
  readonly violation: Violation;
  readonly lie: string;
  /** What the evidence must name. */
  readonly names: string;
  readonly tell: (history: History) => History;
}

const about = (
  violation: Violation,
  role: Role,
  lie: string,
  ...changes: readonly ((history: History) => History)[]
): Falsification => ({ violation, lie, names: keyOf(role), tell: all(...changes) });

const aSecond = 1_000_000_000n;

export const falsifications: readonly Falsification[] = [
  about('lost', 'completed', 'the row of a task is gone', (history) => ({
    ...history,
    tasks: history.tasks.filter(({ id }) => !isOf('completed', id)),
  })),
  about('lost', 'retried', 'a task and everything that PostgreSQL had of it is gone', (history) => ({
    ...history,
    tasks: history.tasks.filter(({ id }) => !isOf('retried', id)),
    attempts: history.attempts.filter(({ taskId }) => !isOf('retried', taskId)),
    transitions: history.transitions.filter(({ taskId }) => !isOf('retried', taskId)),
  })),

  about('doubled', 'completed', 'a key has a second task, which ran as well', (history) => {
    const taskId = uuid(9_999);
    const twins = <T extends { readonly taskId: string }>(items: readonly T[]) =>
      items.filter((item) => isOf('completed', item.taskId)).map((item) => ({ ...item, taskId }));
    const lines = history.ledger.filter((line) => line.kind !== 'corrupt');
    return {
      ...history,
      tasks: [...history.tasks, { ...history.tasks.find(({ id }) => isOf('completed', id))!, id: taskId }],
      transitions: [...history.transitions, ...twins(history.transitions)],
      ledger: [...history.ledger, ...twins(lines)],
    };
  }),

  about('unplanned', 'completed', 'nobody planned a task', (history) => ({
    ...history,
    planned: history.planned.filter(({ key }) => key !== keyOf('completed')),
  })),
  about(
    'unplanned',
    'completed',
    'a task has another key than the client was told',
    withTask('completed', { key: 'key-x' }),
  ),
  about('unplanned', 'completed', 'a task has no key', withTask('completed', { key: null })),

  about(
    'neverEnded',
    'completed',
    'a task still runs',
    withTask('completed', { state: 'running', reason: null, exitCode: null }),
    withTransitions('completed', (transitions) => transitions.slice(0, -1)),
  ),
  about(
    'neverEnded',
    'expired',
    'a task still waits',
    withTask('expired', { state: 'scheduled' }),
    withTransitions('expired', (transitions) => transitions.slice(0, -1)),
  ),

  about(
    'recordedTwice',
    'completed',
    'the end of a task is written twice',
    withTransitions('completed', (transitions) => [...transitions, { ...transitions.at(-1)!, from: 'completed' }]),
  ),
  about(
    'recordedTwice',
    'completed',
    'a task leaves its end and ends again',
    withTransitions('completed', (transitions) => [
      ...transitions,
      { ...transitions.at(-1)!, from: 'completed', to: 'running' },
      { ...transitions.at(-1)!, from: 'running', to: 'completed' },
    ]),
  ),
  about(
    'recordedTwice',
    'retried',
    'an attempt is archived twice',
    withTransitions('retried', (transitions) => [...transitions, ...transitions.filter(({ to }) => to === 'archived')]),
  ),
  about(
    'recordedTwice',
    'retried',
    'the attempt that ended a task is archived, too',
    (history) => ({
      ...history,
      attempts: [
        ...history.attempts,
        { taskId: idOf('retried'), attempt: 2, reason: 'exited', exitCode: 5, workerId: null },
      ],
    }),
    withTransitions('retried', (transitions) => [
      ...transitions,
      { ...transitions.at(-1)!, from: 'exited', to: 'archived' },
    ]),
  ),

  about('fromNothing', 'completed', 'a result has no end of a command', withLines('completed', 1, { end: null })),
  about('fromNothing', 'completed', 'a result has no command', withLines('completed', 1, { start: null, end: null })),
  about('fromNothing', 'retried', 'an earlier result has no end of a command', withLines('retried', 1, { end: null })),

  about(
    'contradicted',
    'completed',
    'a command ended with another status',
    withLines('completed', 1, { end: { exitCode: 1 } }),
  ),
  about(
    'contradicted',
    'retried',
    'an earlier command ended with another status',
    withLines('retried', 1, { end: { exitCode: 4 } }),
  ),
  about(
    'contradicted',
    'completed',
    'a task that exited with 7 counts as completed',
    withTask('completed', { exitCode: 7 }),
    withLines('completed', 1, { end: { exitCode: 7 } }),
  ),
  about(
    'contradicted',
    'retried',
    'a task that exited with 0 counts as failed',
    withTask('retried', { exitCode: 0 }),
    withLines('retried', 2, { end: { exitCode: 0 } }),
  ),
  about(
    'contradicted',
    'signalled',
    'a command that a signal ended ended by itself',
    withMoreLines('signalled', 1, ({ attempt, atNs, key, taskId }) => [
      { kind: 'end', attempt, key, taskId, atNs, exitCode: 143 },
    ]),
  ),
  about('contradicted', 'spawnError', 'a command that could not be started started', (history) => ({
    ...history,
    ledger: [...history.ledger, start('spawnError', 1, { workerId: 'worker-7-1' })],
  })),
  about(
    'contradicted',
    'spawnError',
    'a command that was refused started',
    withTask('spawnError', { reason: 'rejected' }),
    (history) => ({ ...history, ledger: [...history.ledger, start('spawnError', 1, { workerId: 'worker-7-1' })] }),
  ),
  about(
    'contradicted',
    'expired',
    'a task that expired had started',
    withTask('expired', { attempt: 1 }),
    withTransitions('expired', (transitions) => [
      transitions[0]!,
      { ...transitions[0]!, attempt: 1, from: 'scheduled', to: 'picked' },
      { ...transitions[0]!, attempt: 1, from: 'picked', to: 'expired' },
    ]),
    (history) => ({ ...history, ledger: [...history.ledger, start('expired', 1, {})] }),
  ),
  about(
    'contradicted',
    'expired',
    'a task expired before its deadline',
    withTransitions('expired', (transitions) =>
      transitions.map((change) => (change.to === 'expired' ? { ...change, atMs: change.atMs - 50 } : change)),
    ),
  ),
  about(
    'contradicted',
    'completed',
    'a command ran on another worker',
    withLines('completed', 1, { start: { workerId: 'worker-9' } }),
  ),
  about('contradicted', 'lostOnce', 'a lost attempt is not counted', withTask('lostOnce', { lostAttempts: 0 })),

  about(
    'overlapped',
    'lostOnce',
    'an attempt finds the lock taken',
    withLines('lostOnce', 2, { start: { held: false } }),
  ),
  about('overlapped', 'lostAtItsEnd', 'an attempt ends after the next one started', (history) =>
    withLines('lostAtItsEnd', 1, { end: { atNs: atOf(history, 'lostAtItsEnd', 2, 'start') + 1n } })(history),
  ),

  about('early', 'completed', 'a command starts a nanosecond early', (history) => {
    const { scheduledAtMs } = history.tasks.find(({ id }) => isOf('completed', id))!;
    return withLines('completed', 1, { start: { atNs: BigInt(scheduledAtMs) * 1_000_000n - 1n } })(history);
  }),
  about('early', 'completed', 'a task was planned for a moment after its start', (history) => {
    const at = atOf(history, 'completed', 1, 'start');
    return withPlan('completed', { scheduledAtMs: Number(at / 1_000_000n) + 1 })(history);
  }),
  about('early', 'completed', 'PostgreSQL has a task for a microsecond after its start', (history) => {
    const at = atOf(history, 'completed', 1, 'start');
    return withTask('completed', { scheduledAtMs: Number(at / 1_000n + 1n) / 1_000 })(history);
  }),

  about(
    'ranTwice',
    'completed',
    'an attempt is run a second time',
    withMoreLines('completed', 1, (line) => [{ ...line, atNs: line.atNs + aSecond }]),
  ),

  about('startedTooOften', 'lostOnce', 'a task may be started once', withPlan('lostOnce', { mostStarts: 1 })),

  about('unknownAttempts', 'completed', 'an attempt runs that was never claimed', (history) => ({
    ...history,
    ledger: [...history.ledger, start('completed', 2, {})],
  })),
  about('unknownAttempts', 'givenUp', 'a claim that was given up ran', (history) => ({
    ...history,
    ledger: [...history.ledger, start('givenUp', 1, { atNs: atOf(history, 'givenUp', 2, 'start') - 1n })],
  })),
  about(
    'unknownAttempts',
    'retried',
    'nothing is kept of an attempt',
    (history) => ({ ...history, attempts: history.attempts.filter(({ taskId }) => !isOf('retried', taskId)) }),
    withTransitions('retried', (transitions) => transitions.filter(({ to }) => to !== 'archived')),
  ),
  {
    violation: 'unknownAttempts',
    lie: 'a command runs for a task that nobody knows',
    names: uuid(8_888),
    tell: (history) => ({
      ...history,
      ledger: [...history.ledger, start('completed', 1, { key: 'key-y', taskId: uuid(8_888) })],
    }),
  },

  about(
    'endedOtherwise',
    'timedOut',
    'a task was to complete, whatever comes',
    withPlan('timedOut', { mayEnd: ['completed', 'cancelled'] }),
  ),

  about(
    'withoutCause',
    'lostOnce',
    'nothing had happened to a worker',
    withFaults('lostOnce', () => []),
  ),
  about(
    'withoutCause',
    'lostOnce',
    'what happened to a worker was to cost nothing',
    withFaults('lostOnce', (fault) => [{ ...fault, mayCost: [] }]),
  ),
  about(
    'withoutCause',
    'lostOnce',
    'something happened to another worker',
    withFaults('lostOnce', (fault) => [{ ...fault, mayCost: ['worker-9'] }]),
  ),
  about(
    'withoutCause',
    'lostOnce',
    'it happened after the attempt was taken back',
    withFaults('lostOnce', (fault) => [
      { ...fault, beganMs: fault.beganMs + 20_000, healedMs: fault.beganMs + 20_000 },
    ]),
  ),
  about(
    'withoutCause',
    'lostOnce',
    'it happened long before the command started',
    withFaults('lostOnce', (fault) => [{ ...fault, beganMs: 0, healedMs: fault.beganMs - 6_000 }]),
  ),
  about(
    'withoutCause',
    'lostOnce',
    'the attempt was taken back long after its worker was well again',
    withTransitions('lostOnce', (transitions) =>
      transitions.map((change) =>
        change.attempt > 1 || change.to === 'scheduled' ? { ...change, atMs: change.atMs + 3_600_000 } : change,
      ),
    ),
  ),
  about('withoutCause', 'timedOut', 'a task has no limit of time', withPlan('timedOut', { body: {} })),
  about('withoutCause', 'signalled', 'a command sends no signal', withPlan('signalled', { endsItself: false })),
  about('withoutCause', 'retried', 'a task has one attempt', withPlan('retried', { body: {} })),

  {
    violation: 'orphans',
    lie: 'a process is left over',
    names: 'sleep 300',
    tell: (history) => ({ ...history, orphans: [{ pid: 7, command: 'sleep 300', seen: 'in the end' }] }),
  },
  {
    violation: 'unexpectedExits',
    lie: 'a process of Hydra ended by itself',
    names: 'coordinator-1',
    tell: (history) => ({ ...history, exits: ['coordinator-1 exited with 1'] }),
  },
  {
    violation: 'neverRecovered',
    lie: 'a worker never came back',
    names: 'its tasks run elsewhere',
    tell: withFaults('lostOnce', (fault) => [{ ...fault, recoveredAfterMs: null }]),
  },

  {
    violation: 'ledgerCorrupt',
    lie: 'a line is torn',
    names: 'start key-0 0000',
    tell: (history) => ({
      ...history,
      ledger: [...history.ledger, { kind: 'corrupt', line: 17, text: 'start key-0 0000' }],
    }),
  },
  about('ledgerCorrupt', 'spawnError', 'a command ends that never started', (history) => ({
    ...history,
    ledger: [
      ...history.ledger,
      { kind: 'end', key: keyOf('spawnError'), taskId: idOf('spawnError'), attempt: 1, atNs: 1n, exitCode: 0 },
    ],
  })),
  about(
    'ledgerCorrupt',
    'completed',
    'a command ends twice',
    withMoreLines('completed', 1, (line) => (line.kind === 'end' ? [line] : [])),
  ),
  about('ledgerCorrupt', 'completed', 'a command ends before it starts', (history) =>
    withLines('completed', 1, { start: { atNs: atOf(history, 'completed', 1, 'end') + 1n } })(history),
  ),
  about('ledgerCorrupt', 'completed', 'a line is of another key', withLines('completed', 1, { end: { key: 'key-1' } })),

  about(
    'auditIncomplete',
    'completed',
    'a change of state is missing',
    withTransitions('completed', (transitions) => transitions.filter(({ to }) => to !== 'picked')),
  ),
  about(
    'auditIncomplete',
    'completed',
    'no change of state is known',
    withTransitions('completed', () => []),
  ),
  about(
    'auditIncomplete',
    'completed',
    'the last change of state is missing',
    withTransitions('completed', (transitions) => transitions.slice(0, -1)),
  ),
  about(
    'auditIncomplete',
    'retried',
    'an attempt was archived unseen',
    withTransitions('retried', (transitions) => transitions.filter(({ to }) => to !== 'archived')),
  ),
];
