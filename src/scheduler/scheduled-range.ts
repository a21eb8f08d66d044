import type { FieldFault } from '../domain/errors.ts';
import { parseInstant } from '../domain/instant.ts';

/** Bounds of `scheduled_at`: from the first on, and before the second. */
export interface ScheduledRange {
  readonly scheduledFrom?: Date;
  readonly scheduledTo?: Date;
}

/** Reads `scheduled_from` and `scheduled_to` of a filter; what is no text is passed over, since its schema says so. */
export function readScheduledRange(filter: Readonly<Record<string, unknown>>): {
  readonly range: ScheduledRange;
  readonly faults: readonly FieldFault[];
} {
  const faults: FieldFault[] = [];
  const read = (field: 'scheduled_from' | 'scheduled_to') => {
    const text = filter[field];
    if (typeof text !== 'string') return undefined;
    const parsed = parseInstant(text);
    if (parsed.ok) return parsed.instant;
    faults.push({ field, message: parsed.message });
    return undefined;
  };
  const from = read('scheduled_from');
  const to = read('scheduled_to');
  if (from !== undefined && to !== undefined && to < from) {
    faults.push({ field: 'scheduled_to', message: 'is before scheduled_from; give a later instant' });
  }
  const range = {
    ...(from !== undefined && { scheduledFrom: from }),
    ...(to !== undefined && { scheduledTo: to }),
  };
  return { range, faults };
}
