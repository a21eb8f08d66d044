import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  includesCode,
  judge,
  MAX_DELAY_MS,
  type Backoff,
  type ExitCodes,
  type RetryPolicy,
  type RetryRule,
  type Verdict,
} from '../../src/domain/retry-policy.ts';
import { REASONS, type AttemptResult } from '../../src/domain/task-state.ts';

const result = (over: Partial<AttemptResult>): AttemptResult => ({
  ...{ reason: 'exited', exitCode: null, signal: null, error: null },
  ...over,
});
const exited = (exitCode: number) => result({ exitCode });
const signalled = (signal: string) => result({ reason: 'signalled', signal });
const half = () => 0.5;

function verdictOf(policy: RetryPolicy | null, how: AttemptResult, counts: readonly number[] = []): Verdict['kind'] {
  return judge(policy, counts, how, half).kind;
}

/** The delays before all retries that a policy allows, of a command that always fails. */
function delays(backoff: Backoff | undefined, retries: number, random = half): number[] {
  const policy = { max_attempts: retries + 1, ...(backoff === undefined ? {} : { backoff }) };
  const found: number[] = [];
  let counts: readonly number[] = [];
  for (;;) {
    const verdict = judge(policy, counts, exited(1), random);
    if (verdict.kind !== 'retry') return found;
    found.push(verdict.delayMs);
    counts = verdict.counts;
  }
}

describe('success', () => {
  test('is exit code 0, with or without a policy', () => {
    for (const policy of [null, { max_attempts: 3 }]) {
      expect(verdictOf(policy, exited(0))).toBe('completed');
      expect(verdictOf(policy, exited(1))).not.toBe('completed');
    }
  });

  test('is what the list says instead, if there is one', () => {
    const policy: RetryPolicy = { max_attempts: 1, success_exit_codes: [3, '10-12'] };
    const completed = Array.from({ length: 256 }, (_, code) => code).filter(
      (code) => verdictOf(policy, exited(code)) === 'completed',
    );
    expect(completed).toEqual([3, 10, 11, 12]);
  });

  test('is never an end of another kind, whatever exit code came with it', () => {
    for (const reason of REASONS.filter((r) => r !== 'exited')) {
      expect(verdictOf(null, result({ reason, exitCode: 0 }))).toBe('failed');
    }
  });
});

describe('a failure', () => {
  test('is final without a policy, or when attempts are used up', () => {
    expect(verdictOf(null, exited(1))).toBe('failed');
    expect(verdictOf({ max_attempts: 1 }, exited(1))).toBe('failed');
    expect(verdictOf({ max_attempts: 3 }, exited(1), [1])).toBe('retry');
    expect(verdictOf({ max_attempts: 3 }, exited(1), [2])).toBe('failed');
  });

  test('of any kind is retried without rules, but for what another attempt cannot change', () => {
    const retried = REASONS.filter(
      (reason) => verdictOf({ max_attempts: 2 }, result({ reason, exitCode: 1 })) === 'retry',
    );
    expect(retried).toEqual(['exited', 'signalled', 'timed_out', 'spawn_error']);
  });

  test.each<[RetryRule, AttemptResult[], AttemptResult[]]>([
    [
      { on: 'exit_code', codes: [7, '64-78'] },
      [exited(7), exited(64), exited(78)],
      [exited(8), exited(79), result({ reason: 'timed_out', exitCode: 7 }), signalled('SIGKILL')],
    ],
    [
      { on: 'signal' },
      [signalled('SIGKILL'), signalled('SIGSEGV')],
      [exited(137), result({ reason: 'timed_out', signal: 'SIGKILL' })],
    ],
    [{ on: 'signal', signals: ['SIGSEGV', 'SIGBUS'] }, [signalled('SIGBUS')], [signalled('SIGKILL'), exited(139)]],
    [{ on: 'timeout' }, [result({ reason: 'timed_out', signal: 'SIGTERM' })], [signalled('SIGTERM'), exited(124)]],
    [{ on: 'spawn_error' }, [result({ reason: 'spawn_error' })], [exited(127), result({ reason: 'rejected' })]],
  ])('is retried if a rule matches: %j', (rule, matching, others) => {
    const policy: RetryPolicy = { max_attempts: 2, retry_on: [rule] };
    for (const how of matching) expect(verdictOf(policy, how), JSON.stringify(how)).toBe('retry');
    for (const how of others) expect(verdictOf(policy, how), JSON.stringify(how)).toBe('failed');
  });

  test('is never retried when no rule can match', () => {
    expect(verdictOf({ max_attempts: 2, retry_on: [] }, exited(1))).toBe('failed');
  });

  test('counts for the first rule that matches, whose limit is final', () => {
    const policy: RetryPolicy = {
      max_attempts: 100,
      backoff: { type: 'fixed', delay_ms: 1 },
      retry_on: [
        { on: 'signal' },
        { on: 'exit_code', codes: [1], max_retries: 2 },
        { on: 'exit_code', codes: ['1-9'], max_retries: 1 },
        { on: 'timeout', max_retries: 0 },
      ],
    };
    const history = [exited(1), exited(2), signalled('SIGBUS'), exited(1)].reduce<readonly number[]>((counts, how) => {
      const verdict = judge(policy, counts, how, half);
      return verdict.kind === 'retry' ? verdict.counts : counts;
    }, []);
    expect(history).toEqual([4, 1, 2, 1, 0]);
    expect(verdictOf(policy, exited(1), history)).toBe('failed');
    expect(verdictOf(policy, exited(2), history)).toBe('failed');
    expect(verdictOf(policy, signalled('SIGBUS'), history)).toBe('retry');
    expect(verdictOf(policy, result({ reason: 'timed_out' }))).toBe('failed');
  });
});

describe('the backoff', () => {
  const plain = { type: 'exponential', jitter: 'none' } as const;

  test('is exponential with full jitter unless the policy says otherwise', () => {
    expect(delays(undefined, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(delays(undefined, 4, () => 0)).toEqual([0, 0, 0, 0]);
    expect(delays(undefined, 12, () => 0.999_999_999).slice(-3)).toEqual([299_999, 299_999, 299_999]);
  });

  test('grows by its factor from its base to its cap', () => {
    expect(delays(plain, 11)).toEqual([
      ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000],
    ]);
    expect(delays({ ...plain, base_ms: 10, factor: 1.5, max_ms: 30 }, 5)).toEqual([10, 15, 22, 30, 30]);
    expect(delays({ ...plain, base_ms: 10, factor: 1 }, 3)).toEqual([10, 10, 10]);
  });

  test('stays a number however often it grows', () => {
    expect(delays({ ...plain, base_ms: 0, factor: 1_000 }, 400).at(-1)).toBe(0);
    expect(delays({ ...plain, factor: 1_000 }, 400).at(-1)).toBe(300_000);
  });

  test('can be fixed, or a list whose last delay repeats', () => {
    expect(delays({ type: 'fixed', delay_ms: 70 }, 3)).toEqual([70, 70, 70]);
    expect(delays({ type: 'list', delays_ms: [5, 1, 9] }, 5)).toEqual([5, 1, 9, 9, 9]);
  });
});

const codes: fc.Arbitrary<ExitCodes> = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 })).map(([a, b]) => `${a}-${b}`),
);
const limit = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
const rule: fc.Arbitrary<RetryRule> = fc
  .oneof(
    fc.record({ on: fc.constant('exit_code' as const), codes: fc.array(codes, { minLength: 1, maxLength: 4 }) }),
    fc.record({ on: fc.constant('signal' as const) }),
    fc.record({ on: fc.constantFrom('timeout' as const, 'spawn_error' as const) }),
  )
  .chain((bare) => limit.map((max_retries) => (max_retries === undefined ? bare : { ...bare, max_retries })));
const delayMs = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const backoff: fc.Arbitrary<Backoff> = fc.oneof(
  fc.record(
    {
      type: fc.constant('exponential' as const),
      base_ms: delayMs,
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      max_ms: delayMs,
      jitter: fc.constantFrom('full' as const, 'none' as const),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({ type: fc.constant('fixed' as const), delay_ms: delayMs }),
  fc.record({ type: fc.constant('list' as const), delays_ms: fc.array(delayMs, { minLength: 1, maxLength: 9 }) }),
);
const policy: fc.Arbitrary<RetryPolicy> = fc.record(
  {
    max_attempts: fc.integer({ min: 1, max: 20 }),
    backoff,
    retry_on: fc.array(rule, { maxLength: 5 }),
    success_exit_codes: fc.array(codes, { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ['max_attempts'] },
);
const how: fc.Arbitrary<AttemptResult> = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map(exited),
  fc.constantFrom('SIGKILL', 'SIGSEGV').map(signalled),
  fc.constantFrom(...REASONS.filter((r) => r !== 'exited')).map((reason) => result({ reason })),
);

describe('judge', () => {
  test('comes to an end within the limits, whatever happens', () => {
    fc.assert(
      fc.property(
        policy,
        fc.array(how, { minLength: 25, maxLength: 25 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, ends, x) => {
          let counts: readonly number[] = [];
          let attempts = 0;
          for (const end of ends) {
            attempts++;
            const verdict = judge(given, counts, end, () => x);
            if (verdict.kind !== 'retry') break;
            expect(verdict.delayMs).toBeGreaterThanOrEqual(0);
            expect(verdict.delayMs).toBeLessThanOrEqual(MAX_DELAY_MS);
            expect(Number.isInteger(verdict.delayMs)).toBe(true);
            expect(verdict.counts[0]).toBe(attempts);
            // Each retry counts for one rule, if there are any, and no rule above its limit.
            const [, ...ofRules] = verdict.counts;
            const rules = given.retry_on ?? [];
            expect(ofRules).toHaveLength(rules.length);
            if (given.retry_on !== undefined) expect(ofRules.reduce((a, b) => a + b, 0)).toBe(attempts);
            rules.forEach((one, i) => expect(ofRules[i]).toBeLessThanOrEqual(one.max_retries ?? Infinity));
            counts = verdict.counts;
          }
          expect(attempts).toBeLessThanOrEqual(given.max_attempts);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('takes counts that are shorter than the rules as 0', () => {
    fc.assert(
      fc.property(policy, how, (given, end) => {
        const zeros = [0, ...(given.retry_on ?? []).map(() => 0)];
        expect(judge(given, [], end, half)).toEqual(judge(given, zeros, end, half));
      }),
    );
  });
});

describe('includesCode', () => {
  test('takes a range with both of its ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 255 }),
        (a, b, code) => {
          expect(includesCode([`${a}-${b}`], code)).toBe(a <= code && code <= b);
          expect(includesCode([a, b], code)).toBe(code === a || code === b);
          expect(includesCode([String(a)], code)).toBe(code === a);
        },
      ),
    );
  });
});
