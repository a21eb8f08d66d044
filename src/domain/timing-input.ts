import { Type } from 'typebox';
import type { FieldFault } from './errors.ts';
import { parseInstant } from './instant.ts';
import type { FieldNamer, RawInput } from './raw-input.ts';
import { MAX_DURATION_MS } from './run-options-input.ts';

export const timingFields = {
  scheduled_at: Type.Optional(
    Type.String({
      description:
        'ISO 8601 instant before which the command does not start. Without an offset it is UTC. Omitted or empty: now.',
      examples: ['2030-01-31T09:00:00Z'],
    }),
  ),
  start_deadline: Type.Optional(
    Type.String({
      description:
        'ISO 8601 instant after `scheduled_at`: a task that has not started by then ends as `expired`. Default: none.',
      examples: ['2030-01-31T10:00:00Z'],
    }),
  ),
  total_timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_DURATION_MS,
      description:
        'Longest time from the start of the first attempt on, all attempts and the waits between them included. What ' +
        'runs then is stopped, and the task is not tried again. Default: none.',
      examples: [3_600_000],
    }),
  ),
};

export interface TimingInput {
  /** `null`: now. */
  readonly scheduledAt: Date | null;
  /** `null`: none. */
  readonly startDeadline: Date | null;
  readonly faults: readonly FieldFault[];
}

/** When a task is to run, or what is wrong with that. */
export function readTimingInput(input: RawInput, at: FieldNamer): TimingInput {
  const faults: FieldFault[] = [];
  const read = (name: string) => {
    const text = input[name];
    if (typeof text !== 'string') return null;
    const parsed = parseInstant(text);
    if (parsed.ok) return parsed.instant;
    faults.push({ field: at(name), message: parsed.message });
    return null;
  };
  const scheduledAt = input.scheduled_at === '' ? null : read('scheduled_at');
  const startDeadline = read('start_deadline');
  if (scheduledAt !== null && startDeadline !== null && startDeadline <= scheduledAt) {
    faults.push({ field: at('start_deadline'), message: 'is not after scheduled_at; give a later instant' });
  }
  return { scheduledAt, startDeadline, faults };
}
