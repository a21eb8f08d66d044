import { Type } from 'typebox';
import type { FieldFault } from './errors.ts';
import { entryPath, fieldPath } from './field-path.ts';
import { EXIT_CODE_RANGE_PATTERN } from './patterns.ts';
import { isList, isRecord, type FieldNamer, type RawInput } from './raw-input.ts';
import {
  DEFAULT_BACKOFF,
  MAX_DELAY_MS,
  type Backoff,
  type ExitCodes,
  type RetryPolicy,
  type RetryRule,
} from './retry-policy.ts';
import { ON_WORKER_LOST } from './run-options.ts';
import { SIGNALS } from './signals.ts';
import { Words } from './words.ts';

export const MAX_ATTEMPTS = 1_000;
const MAX_RULES = 16;
const MAX_CODES = 256;
const MAX_DELAYS = 100;
const EXIT_CODE_RANGE = new RegExp(EXIT_CODE_RANGE_PATTERN);

const delayMs = (description: string) => Type.Integer({ minimum: 0, maximum: MAX_DELAY_MS, description });

const codes = (description: string) =>
  Type.Array(
    Type.Unsafe<ExitCodes>({
      type: ['integer', 'string'],
      minimum: 0,
      maximum: 255,
      pattern: EXIT_CODE_RANGE_PATTERN,
      description: 'One exit code, or a range of them.',
      examples: ['64-78'],
    }),
    { minItems: 1, maxItems: MAX_CODES, description, examples: [[3, '64-78']] },
  );

const closed = { additionalProperties: false };

const backoff = Type.Unsafe<Backoff>({
  anyOf: [
    Type.Object(
      {
        type: Type.Literal('exponential', { description: 'Each wait is `factor` times the one before.' }),
        base_ms: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: MAX_DELAY_MS,
            default: DEFAULT_BACKOFF.base_ms,
            description: 'The first wait, before jitter.',
          }),
        ),
        factor: Type.Optional(
          Type.Number({
            minimum: 1,
            maximum: 100,
            default: DEFAULT_BACKOFF.factor,
            description: 'How fast the waits grow.',
          }),
        ),
        max_ms: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: MAX_DELAY_MS,
            default: DEFAULT_BACKOFF.max_ms,
            description: 'The longest wait, before jitter.',
          }),
        ),
        jitter: Type.Optional(
          Words(['full', 'none'], {
            default: DEFAULT_BACKOFF.jitter,
            description:
              '`full`: each wait is anywhere from 0 to its length, so that many tasks do not come back at once.',
          }),
        ),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal('fixed', { description: 'All waits are the same.' }),
        delay_ms: delayMs('Each wait.'),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal('list', { description: 'The waits are as listed.' }),
        delays_ms: Type.Array(delayMs('A wait.'), {
          minItems: 1,
          maxItems: MAX_DELAYS,
          description: 'The n-th comes before the n-th retry; the last one repeats.',
          examples: [[1_000, 60_000]],
        }),
      },
      closed,
    ),
  ],
  description: 'How long to wait before each retry. Default: exponential, with the default of each of its fields.',
  examples: [{ type: 'exponential', base_ms: 1_000, factor: 2, max_ms: 60_000 }],
});

const maxRetries = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: MAX_ATTEMPTS,
    description: 'Most retries by this rule; 0: such a failure is final. Default: no limit of its own.',
  }),
);

const rule = Type.Unsafe<RetryRule>({
  anyOf: [
    Type.Object(
      {
        on: Type.Literal('exit_code', { description: 'It ended with one of these codes.' }),
        codes: codes('The codes.'),
        max_retries: maxRetries,
      },
      closed,
    ),
    Type.Object(
      {
        on: Type.Literal('signal', { description: 'A signal ended it.' }),
        signals: Type.Optional(
          Type.Array(Words(SIGNALS), {
            minItems: 1,
            maxItems: SIGNALS.length,
            description: 'Only these. Default: any.',
            examples: [['SIGKILL']],
          }),
        ),
        max_retries: maxRetries,
      },
      closed,
    ),
    Type.Object(
      {
        on: Words(['timeout', 'spawn_error'], {
          description: 'It took longer than `timeout_ms`, or could not be started.',
        }),
        max_retries: maxRetries,
      },
      closed,
    ),
  ],
  description: 'A kind of failure that is worth another attempt.',
  examples: [{ on: 'exit_code', codes: [75] }],
});

export const retryFields = {
  max_attempts: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_ATTEMPTS,
      default: 1,
      description:
        'How often it is tried in all, when it fails. Attempts that end since a worker was lost or left are not counted.',
    }),
  ),
  backoff: Type.Optional(backoff),
  retry_on: Type.Optional(
    Type.Array(rule, {
      minItems: 1,
      maxItems: MAX_RULES,
      description:
        'Only failures that one of these rules matches are retried; of several, the first counts. Default: every ' +
        "failure, but not what was cancelled or what the worker's policy refused.",
      examples: [[{ on: 'exit_code', codes: [75, '64-70'], max_retries: 2 }, { on: 'timeout' }]],
    }),
  ),
  success_exit_codes: Type.Optional(codes('Exit codes that mean success. Default: only 0.')),
  on_worker_lost: Type.Optional(
    Words(ON_WORKER_LOST, {
      default: 'retry',
      description:
        'What becomes of it when its worker is lost while it runs: it is run again, so that it may run twice in part ' +
        'or in whole, or it fails.',
    }),
  ),
};

/** `null`: a failure is final, and only exit code 0 is success. */
export function readRetryPolicy(input: Partial<RetryPolicy>): RetryPolicy | null {
  const { backoff: waits, max_attempts: attempts = 1, retry_on: rules, success_exit_codes: success } = input;
  if (attempts === 1 && success === undefined) return null;
  return {
    max_attempts: attempts,
    ...(waits !== undefined && { backoff: waits }),
    ...(rules !== undefined && { retry_on: rules }),
    ...(success !== undefined && { success_exit_codes: success }),
  };
}

/** What the schema cannot say about retries. */
export function retryFaults(input: RawInput, at: FieldNamer): FieldFault[] {
  const { backoff: waits, max_attempts: attempts = 1, retry_on: rules, success_exit_codes: success } = input;
  const faults = codeFaults(success, at('success_exit_codes'));
  if (attempts === 1) {
    for (const name of ['backoff', 'retry_on']) {
      if (input[name] === undefined) continue;
      faults.push({
        field: at(name),
        message: 'has no use while max_attempts is 1; give a higher max_attempts, or leave it out',
      });
    }
  }
  if (isRecord(waits)) faults.push(...capFaults(waits, at('backoff')));
  if (isList(rules) && rules.length <= MAX_RULES) {
    for (const [i, each] of rules.entries()) {
      if (isRecord(each)) faults.push(...codeFaults(each.codes, fieldPath(entryPath(at('retry_on'), i), 'codes')));
    }
  }
  return faults;
}

/** A first wait that is longer than the longest one would be cut without a word. */
function capFaults({ base_ms: base, max_ms: max, type }: RawInput, parent: string): FieldFault[] {
  if (type !== 'exponential' || typeof base !== 'number') return [];
  if (max === undefined && base > DEFAULT_BACKOFF.max_ms) {
    const message = `is missing; give at least base_ms, which is ${base}, since it is ${DEFAULT_BACKOFF.max_ms} otherwise`;
    return [{ field: fieldPath(parent, 'max_ms'), message }];
  }
  if (typeof max !== 'number' || base <= max) return [];
  return [{ field: fieldPath(parent, 'max_ms'), message: `is ${max}; give at least base_ms, which is ${base}` }];
}

/** Ranges begin with the lower code. */
function codeFaults(list: unknown, parent: string): FieldFault[] {
  if (!isList(list) || list.length > MAX_CODES) return [];
  return list.flatMap((code, i) => {
    if (typeof code !== 'string' || !EXIT_CODE_RANGE.test(code)) return [];
    const [low, high] = code.split('-').map(Number) as [number, number];
    if (low <= high) return [];
    return [{ field: entryPath(parent, i), message: `is a range that ends before it begins; give "${high}-${low}"` }];
  });
}
