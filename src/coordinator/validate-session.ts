import type { FieldFault } from '../domain/errors.ts';
import { MAX_WORKER_LABELS, NAME_HINT, NAME_PATTERN } from '../domain/lane.ts';
import { UUID_PATTERN } from '../domain/uuid.ts';
import type { FinishedReport, Registration, StartedReport } from '../rpc/messages.ts';
import { isRef } from './valid-ref.ts';
import { cleanOutput } from './validate-output.ts';

const NAME = new RegExp(NAME_PATTERN);
const WORKER_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const UUID = new RegExp(UUID_PATTERN);
const SIGNAL = /^SIG[A-Z0-9+-]{1,12}$/;
const MAX_SLOTS = 10_000;
const MAX_QUEUES = 1_000;
const MAX_TEXT = 255;
const MAX_ERROR = 4_096;
/** About 30 years; anything older is nonsense and would overflow PostgreSQL's arithmetic. */
const MAX_AGE_US = 1e15;

/** What is wrong with a Register message; empty when nothing is. */
export function registrationFaults(registration: Registration): FieldFault[] {
  const faults: FieldFault[] = [];
  const check = (ok: boolean, field: string, message: string) => {
    if (!ok) faults.push({ field: `register.${field}`, message });
  };
  const { hostname, inHand, instanceId, labels, queues, slots, version, workerId } = registration;
  check(WORKER_ID.test(workerId), 'worker_id', 'give 1 to 128 characters of A-Z a-z 0-9 . _ : -');
  check(UUID.test(instanceId), 'instance_id', 'give a UUID');
  check(slots >= 1 && slots <= MAX_SLOTS, 'slots', `is ${slots}; give 1 to ${MAX_SLOTS}`);
  check(isText(hostname), 'hostname', `give at most ${MAX_TEXT} characters without NUL`);
  check(isText(version), 'version', `give at most ${MAX_TEXT} characters without NUL`);
  check(queues.length >= 1 && queues.length <= MAX_QUEUES, 'queues', `give 1 to ${MAX_QUEUES} names, or "*" for all`);
  check(
    queues.every((queue) => queue === '*' || NAME.test(queue)),
    'queues',
    `for each, ${NAME_HINT}; or "*" for all queues`,
  );
  check(Object.keys(labels).length <= MAX_WORKER_LABELS, 'labels', `give at most ${MAX_WORKER_LABELS}`);
  check(
    Object.entries(labels).every(([key, value]) => NAME.test(key) && NAME.test(value)),
    'labels',
    `for each key and value, ${NAME_HINT}`,
  );
  check(
    inHand.every(({ ref, startedAgeUs }) => isRef(ref) && isAge(startedAgeUs)),
    'in_hand',
    'for each, give a ref with a UUID and an attempt from 1 up, and an age',
  );
  return faults;
}

export function isValidStart(report: StartedReport): boolean {
  return isRef(report.ref) && isAge(report.startedAgeUs);
}

/**
 * A result as it can be stored, or `null` when it does not say of which attempt. Facts that cannot be true are
 * dropped rather than refused: the end of the task matters more than its details.
 */
export function cleanFinish(report: FinishedReport): FinishedReport | null {
  if (!isRef(report.ref)) return null;
  const { reason, exitCode, error, signal } = report.result;
  const endedAgeUs = isAge(report.endedAgeUs) ? report.endedAgeUs : 0;
  const exited = reason === 'exited';
  const started = report.startedAgeUs !== null && isAge(report.startedAgeUs) ? report.startedAgeUs : null;
  const validExit = exitCode !== null && exitCode <= 255;
  return {
    ref: report.ref,
    // What exited has started, whatever the report says.
    startedAgeUs: exited ? (started ?? endedAgeUs) : started,
    endedAgeUs,
    result: {
      reason: exited && !validExit ? 'spawn_error' : reason,
      exitCode: validExit && signal === null ? exitCode : null,
      signal: signal !== null && SIGNAL.test(signal) ? signal : null,
      error: error === null ? null : error.replaceAll('\0', '').slice(0, MAX_ERROR),
    },
    output: cleanOutput(report.output),
    usage: { cpuMs: measured(report.usage.cpuMs), peakMemoryBytes: measured(report.usage.peakMemoryBytes) },
  };
}

function isText(text: string): boolean {
  return text.length <= MAX_TEXT && !text.includes('\0');
}

function measured(value: number | null): number | null {
  return value !== null && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function isAge(us: number): boolean {
  return us >= 0 && us < MAX_AGE_US;
}
