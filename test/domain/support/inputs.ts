import fc from 'fast-check';
import { NAME_PATTERN } from '../../../src/domain/lane.ts';
import { STOP_SIGNALS, WARN_SIGNALS } from '../../../src/domain/run-options-input.ts';
import { SIGNALS } from '../../../src/domain/signals.ts';
import { TaskInput } from '../../../src/domain/task-input.ts';

/** Every field that a task can be given. */
export const FIELDS = Object.keys(TaskInput.properties);

const name = fc.stringMatching(new RegExp(NAME_PATTERN));
const withoutNul = (text: string) => !text.includes('\0');
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter(withoutNul);
const variable = fc.stringMatching(/^[a-z_][A-Za-z0-9_]{0,20}$/).filter((each) => each !== '__proto__');
const ms = fc.integer({ min: 1, max: 1_000_000 });
const positive = fc.integer({ min: 1, max: 1_000_000 });
const code = fc.integer({ min: 0, max: 255 });
const range = fc.tuple(code, code).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const codes = fc.array(fc.oneof(code, range), { minLength: 1, maxLength: 10 });

const backoff = fc.oneof(
  fc.record({ type: fc.constant('fixed'), delay_ms: ms }),
  fc.record({ type: fc.constant('list'), delays_ms: fc.array(ms, { minLength: 1, maxLength: 5 }) }),
  fc.record(
    {
      type: fc.constant('exponential'),
      base_ms: fc.integer({ min: 1, max: 300_000 }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      max_ms: fc.integer({ min: 300_000, max: 1e9 }),
      jitter: fc.constantFrom('full', 'none'),
    },
    { requiredKeys: ['type'] },
  ),
);

const bounded = { max_retries: fc.integer({ min: 0, max: 1_000 }) };
const rule = fc.oneof(
  fc.record({ on: fc.constant('exit_code'), codes, ...bounded }, { requiredKeys: ['on', 'codes'] }),
  fc.record(
    { on: fc.constant('signal'), signals: fc.uniqueArray(fc.constantFrom(...SIGNALS), { minLength: 1 }), ...bounded },
    { requiredKeys: ['on'] },
  ),
  fc.record({ on: fc.constantFrom('timeout', 'spawn_error'), ...bounded }, { requiredKeys: ['on'] }),
);

const options = {
  env: fc.dictionary(variable, fc.string({ unit: 'grapheme' }).filter(withoutNul), { maxKeys: 5 }),
  cwd: fc
    .string({ unit: 'grapheme' })
    .filter(withoutNul)
    .map((path) => `/${path}`),
  umask: fc.stringMatching(/^[0-7]{3}$/),
  user: fc.stringMatching(/^[a-z_][a-z0-9-]{0,30}$/),
  stop_signal: fc.constantFrom(...STOP_SIGNALS),
  grace_ms: fc.integer({ min: 0, max: 3_600_000 }),
  background: fc.constantFrom('kill', 'allow'),
  merge_stderr: fc.boolean(),
  output_limit_bytes: fc.integer({ min: 0, max: 16 * 1024 * 1024 }),
  on_output_limit: fc.constantFrom('truncate', 'kill'),
  limits: fc
    .record(
      { memory_bytes: positive, open_files: positive, processes: positive, cpu_seconds: positive },
      { requiredKeys: [] },
    )
    .filter((limits) => Object.keys(limits).length > 0),
  nice: fc.integer({ min: -20, max: 19 }),
};

const common = {
  scheduled_at: fc.constantFrom('', '2030-01-31T09:00:00Z', '2001-01-01', '2030-01-31T10:00:00+01:00'),
  start_deadline: fc.constantFrom('2031-01-31T09:00:00Z', '2030-02-01'),
  total_timeout_ms: ms,
  queue: name,
  priority: fc.integer({ min: -100, max: 100 }),
  labels: fc.dictionary(name, name, { maxKeys: 16 }),
  idempotency_key: fc.uuid(),
  secret_env: fc.dictionary(
    variable.map((each) => `S_${each}`),
    text,
    { maxKeys: 5 },
  ),
  success_exit_codes: codes,
  on_worker_lost: fc.constantFrom('retry', 'fail'),
};

/** Fields that go together, or not at all. */
const what = fc.oneof(
  fc.record({ command: text, shell: fc.constantFrom('bash', '/bin/bash', 'ksh93') }, { requiredKeys: ['command'] }),
  fc.record({
    argv: fc.tuple(text, fc.array(fc.string({ unit: 'grapheme' }).filter(withoutNul))).map(([a, b]) => [a, ...b]),
  }),
);
const stdin = fc.oneof(
  fc.constant({}),
  fc.record({ stdin: fc.string({ unit: 'grapheme' }) }),
  fc.record({ stdin_base64: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')) }),
);
const timeout = fc.oneof(
  fc.record({ timeout_ms: ms }, { requiredKeys: [] }),
  fc.record({
    timeout_ms: fc.integer({ min: 1_000_001, max: 2_000_000 }),
    warn_signal: fc.constantFrom(...WARN_SIGNALS),
    warn_before_ms: ms,
  }),
);
const retries = fc.oneof(
  fc.record({ max_attempts: fc.constant(1) }, { requiredKeys: [] }),
  fc.record(
    {
      max_attempts: fc.integer({ min: 2, max: 1_000 }),
      backoff,
      retry_on: fc.array(rule, { minLength: 1, maxLength: 4 }),
    },
    { requiredKeys: ['max_attempts'] },
  ),
);

/** Inputs without a fault, every field among them. */
export const validInput = fc
  .tuple(what, stdin, timeout, retries, fc.record({ ...options, ...common }, { requiredKeys: [] }))
  .map((parts) => Object.assign({}, ...parts) as Record<string, unknown>);

/** What somebody could send in place of a field's value, or of a part of it. */
const junk = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom<unknown>(-1, 0, 0.5, 1e300, '', '\0', '\ud800', null, [], {}, [null], { type: 'fixed' }, [
    { on: 'signal' },
  ]),
);

/** Valid inputs of which a field was replaced, and objects with fields of any kind. */
export const anyInput = fc.oneof(
  fc.tuple(validInput, fc.constantFrom(...FIELDS, 'x', '__proto__'), junk).map(([input, field, value]) => {
    return { ...input, [field]: value };
  }),
  fc.dictionary(fc.constantFrom(...FIELDS, 'x', '__proto__'), junk),
  junk,
);
