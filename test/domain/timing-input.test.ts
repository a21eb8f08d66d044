import { describe, expect, test } from 'vitest';
import { faultsOfFields, taskOf } from './support/faults.ts';

describe('when a task runs', () => {
  test('is now, unless said otherwise', () => {
    expect(taskOf({})).toMatchObject({ scheduledAt: null, startDeadline: null, totalTimeoutMs: null });
    expect(taskOf({ scheduled_at: '' })).toMatchObject({ scheduledAt: null });
  });

  test('ends with a deadline, which may have passed already', () => {
    expect(taskOf({ start_deadline: '2001-01-01' })).toMatchObject({ startDeadline: new Date('2001-01-01') });
    const fields = { scheduled_at: '2030-01-01', start_deadline: '2030-01-01T00:00:00.001Z', total_timeout_ms: 1 };
    expect(taskOf(fields)).toMatchObject({ startDeadline: new Date('2030-01-01T00:00:00.001Z'), totalTimeoutMs: 1 });
  });

  test.each<[Record<string, unknown>, Record<string, string>]>([
    [
      { scheduled_at: '2030-01-01', start_deadline: '2030-01-01T01:00:00+01:00' },
      { start_deadline: 'is not after scheduled_at; give a later instant' },
    ],
    [
      { scheduled_at: 'soon', start_deadline: '' },
      {
        scheduled_at: expect.stringContaining('is not an ISO 8601 instant') as string,
        start_deadline: expect.stringContaining('is not an ISO 8601 instant') as string,
      },
    ],
    [{ start_deadline: 5 }, { start_deadline: 'is the number 5; give a string such as "2030-01-31T10:00:00Z"' }],
    [{ total_timeout_ms: 0 }, { total_timeout_ms: 'is 0; give a whole number from 1 to 31536000000 such as 3600000' }],
  ])('is refused: %j', (fields, expected) => {
    expect(faultsOfFields(fields)).toEqual(expected);
  });
});
