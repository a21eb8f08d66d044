import { describe, expect, test } from 'vitest';
import { toTaskInput } from '../../src/coordinator/debug-input.ts';

const EMPTY = {
  command: '',
  scheduled_at: '',
  queue: '',
  priority: 0,
  labels: {},
  idempotency_key: '',
  options_json: '',
};

describe('toTaskInput', () => {
  test('leaves out what was not given', () => {
    expect(toTaskInput(EMPTY)).toEqual({ scheduled_at: '', priority: 0, labels: {} });
  });

  test('adds further fields, whatever they are', () => {
    const request = { ...EMPTY, queue: 'q', options_json: '{"argv": ["ls", "-l"], "timeout_ms": 5, "nonsense": null}' };
    expect(toTaskInput(request)).toMatchObject({ queue: 'q', argv: ['ls', '-l'], timeout_ms: 5, nonsense: null });
  });

  test.each([
    ['{', 'options_json: is not JSON'],
    ['[]', 'options_json: is not a JSON object'],
    ['null', 'options_json: is not a JSON object'],
    ['"x"', 'options_json: is not a JSON object'],
    ['{"queue": "q"}', 'options_json.queue: is not taken here; use the field queue of the request'],
    ['{"env": {}, "command": null}', 'options_json.command: is not taken here'],
  ])('refuses %s', (json, message) => {
    expect(() => toTaskInput({ ...EMPTY, options_json: json })).toThrow(message);
  });
});
