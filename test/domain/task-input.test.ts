import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NAME_PATTERN } from '../../src/domain/lane.ts';
import { MAX_COMMAND_BYTES, normaliseTask } from '../../src/domain/task-input.ts';

/** Field → message. */
function faults(value: unknown, root?: string): Record<string, string> {
  const normalised = normaliseTask(value, root);
  return normalised.ok ? {} : Object.fromEntries(normalised.faults.map((fault) => [fault.field, fault.message]));
}

const name = fc.stringMatching(new RegExp(NAME_PATTERN));
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter((s) => !s.includes('\0'));
const input = fc.record(
  {
    command: text,
    scheduled_at: fc.constantFrom('', '2030-01-31T09:00:00Z', '2001-01-01', '2030-01-31T10:00:00+01:00'),
    queue: name,
    priority: fc.integer({ min: -100, max: 100 }),
    labels: fc.dictionary(name, name, { maxKeys: 16 }),
    idempotency_key: text,
  },
  { requiredKeys: ['command'] },
);

describe('normaliseTask', () => {
  test('fills in what is left out', () => {
    expect(normaliseTask({ command: 'true' })).toEqual({
      ok: true,
      task: {
        command: 'true',
        scheduledAt: null,
        queue: 'default',
        labels: {},
        lane: 'default',
        priority: 0,
        idempotencyKey: null,
      },
    });
    expect(normaliseTask({ command: 'true', scheduled_at: '' })).toMatchObject({ task: { scheduledAt: null } });
  });

  test('keeps what is given', () => {
    const given = {
      command: 'echo "$HOME"\n',
      scheduled_at: '2030-01-31T10:00:00+01:00',
      queue: 'gpu',
      priority: -7,
      labels: { type: 'a100', region: 'eu' },
      idempotency_key: 'order 17 ✓',
    };
    expect(normaliseTask(given)).toEqual({
      ok: true,
      task: {
        command: given.command,
        scheduledAt: new Date('2030-01-31T09:00:00Z'),
        queue: 'gpu',
        labels: given.labels,
        lane: 'gpu,region=eu,type=a100',
        priority: -7,
        idempotencyKey: given.idempotency_key,
      },
    });
  });

  test('takes every input that follows the schema', () => {
    fc.assert(
      fc.property(input, (value) => {
        expect(faults(value)).toEqual({});
      }),
    );
  });

  test.each([
    [
      undefined,
      { body: 'is missing; give a JSON object such as {"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}' },
    ],
    [
      null,
      { body: 'is null; give a JSON object such as {"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}' },
    ],
    [
      [],
      {
        body: 'is an array; give a JSON object such as {"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}',
      },
    ],
    [
      'x',
      {
        body: 'is the string "x"; give a JSON object such as {"command":"echo hello","scheduled_at":"2030-01-31T09:00:00Z"}',
      },
    ],
    [{}, { command: 'is missing; give a string such as "echo hello"' }],
    [{ command: '' }, { command: 'is empty; give a string such as "echo hello"' }],
    [{ command: 5 }, { command: 'is the number 5; give a string such as "echo hello"' }],
    [{ command: ['a'] }, { command: 'is an array; give a string such as "echo hello"' }],
    [{ command: 'a\0b' }, { command: 'contains a NUL character; remove it' }],
    [
      { command: 'true', scheduled_at: null },
      { scheduled_at: 'is null; give a string such as "2030-01-31T09:00:00Z"' },
    ],
    [{ command: 'true', priority: '1' }, { priority: 'is the string "1"; give a whole number from -100 to 100' }],
    [{ command: 'true', priority: 1.5 }, { priority: 'is the number 1.5; give a whole number from -100 to 100' }],
    [{ command: 'true', priority: 101 }, { priority: 'is 101; give a whole number from -100 to 100' }],
    [{ command: 'true', labels: [] }, { labels: 'is an array; give a JSON object such as {"region":"eu"}' }],
    [{ command: 'true', labels: { region: 5 } }, { 'labels.region': 'is the number 5; give a string' }],
    [{ command: 'true', idempotency_key: '' }, { idempotency_key: 'is empty; give a string' }],
    [
      { command: 'true', idempotency_key: 'k'.repeat(256) },
      { idempotency_key: 'is 256 characters long; at most 255 are allowed' },
    ],
  ])('says what is wrong with %j', (value, expected) => {
    expect(faults(value)).toEqual(expected);
  });

  test('says how long a command may be, in bytes of UTF-8', () => {
    expect(faults({ command: 'x'.repeat(MAX_COMMAND_BYTES) })).toEqual({});
    expect(faults({ command: 'é'.repeat(MAX_COMMAND_BYTES / 2 + 1) }).command).toMatch(/is 102402 bytes long; at most/);
  });

  test('refuses halves of surrogate pairs, which UTF-8 cannot say', () => {
    expect(faults({ command: 'echo \ud83d' }).command).toMatch(/half of a surrogate pair/);
    expect(faults({ command: 'true', idempotency_key: '\udc00' }).idempotency_key).toMatch(/half of a surrogate pair/);
    expect(faults({ command: 'echo \u{1f600}' })).toEqual({});
  });

  test('says which characters a name may have, for names of labels, too', () => {
    const found = faults({ command: 'true', queue: 'a b', labels: { 'a=b': 'x', region: '' } });
    expect(Object.keys(found).sort()).toEqual(['labels.a=b', 'labels.region', 'queue']);
    for (const message of Object.values(found)) expect(message).toMatch(/give 1 to 63 characters of A-Z a-z 0-9/);
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'v']));
    expect(faults({ command: 'true', labels: many }).labels).toBe('has 17 entries; at most 16 are allowed');
  });

  test('suggests the field that was probably meant', () => {
    const found = faults({ command: 'true', schedule_at: '2030-01-31', colour: 'red' });
    expect(found.schedule_at).toBe(
      'is not a known field; did you mean scheduled_at? known fields are command, scheduled_at, queue, priority, labels, idempotency_key',
    );
    expect(found.colour).not.toContain('did you mean');
  });

  test('treats the names of what every object has as it treats other names', () => {
    const value: unknown = JSON.parse('{"command":"true","__proto__":{"queue":"x"},"constructor":1}');
    expect(Object.keys(faults(value)).sort()).toEqual(['__proto__', 'constructor']);
    const nested: unknown = JSON.parse('{"command":"true","labels":{"__proto__":"x","toString":"y"}}');
    expect(Object.keys(faults(nested))).toEqual(['labels.__proto__']);
  });

  test('reports all faults at once, those of form and those of content, under the name of the value', () => {
    const value = { command: 'a\0', scheduled_at: '2030-02-30', priority: 1000, foo: 1 };
    expect(Object.keys(faults(value, 'tasks[3]')).sort()).toEqual([
      'tasks[3].command',
      'tasks[3].foo',
      'tasks[3].priority',
      'tasks[3].scheduled_at',
    ]);
    expect(faults(7, 'tasks[3]')).toEqual({
      'tasks[3]': expect.stringMatching(/^is the number 7; give a JSON object/) as string,
    });
  });

  test('repeats no more than a part of what was sent', () => {
    const found = normaliseTask({ command: 'true', queue: 'q'.repeat(1_000_000), ['k'.repeat(1_000_000)]: 1 });
    expect(JSON.stringify(found).length).toBeLessThan(2_000);
  });

  test('never throws, whatever it is given, and takes nothing that could not be stored', () => {
    const key = fc.constantFrom(
      'command',
      'scheduled_at',
      'queue',
      'priority',
      'labels',
      'idempotency_key',
      '__proto__',
    );
    const anything = fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(anything, (value) => {
        const normalised = normaliseTask(value);
        if (normalised.ok) expect(normalised.task.command).not.toMatch(/\0/);
        else expect(normalised.faults.every(({ field, message }) => field !== '' && message !== '')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('looks no deeper than it must into what is nested deeper than the stack', () => {
    let deep: unknown = 'x';
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(faults({ command: deep }).command).toBe('is an array; give a string such as "echo hello"');
  });
});
