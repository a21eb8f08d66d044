import fc from 'fast-check';
import { type Limits, type RunOptions } from '../../../src/domain/run-options.ts';
import { SIGNALS } from '../../../src/domain/signals.ts';
import type { Attempt } from '../../../src/rpc/messages.ts';

/* What messages are made of, as a peer of the same version makes them. */

export const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** Of the wire's 64 bits, what a number of JavaScript holds exactly. */
export const uint53 = fc.maxSafeNat();
export const int53 = fc.maxSafeInteger();
export const text = fc.string({ unit: 'grapheme' });
const someText = fc.string({ unit: 'grapheme', minLength: 1 });
export const ref = fc.record({ taskId: fc.oneof(fc.uuid(), text), attempt: uint32 });
export const refs = fc.array(ref, { maxLength: 5 });
/** Protobuf's maps have no key of this name in JavaScript. */
const byName = fc
  .dictionary(text, text, { maxKeys: 4, noNullPrototype: true })
  .filter((all) => !Object.hasOwn(all, '__proto__'));
export const labels = byName;

const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const signal = fc.constantFrom(...SIGNALS);

const limits: fc.Arbitrary<Limits> = fc.record(
  { memory_bytes: uint53, open_files: uint53, processes: uint53, cpu_seconds: uint53 },
  { requiredKeys: [] },
);

/**
 * Every option there is, each of them given or not. A value that says what its absence says is not among them: absence
 * is how it comes back.
 */
const options: fc.Arbitrary<RunOptions> = fc.record(
  {
    shell: someText,
    env: byName.filter((all) => Object.keys(all).length > 0),
    cwd: someText,
    umask: fc.integer({ min: 0, max: 0o777 }).map((bits) => bits.toString(8).padStart(3, '0')),
    user: someText,
    timeout_ms: count,
    warn_signal: signal,
    warn_before_ms: count,
    stop_signal: signal,
    grace_ms: uint53,
    background: fc.constant('allow' as const),
    merge_stderr: fc.constant(true),
    output_limit_bytes: uint53,
    on_output_limit: fc.constant('kill' as const),
    limits,
    nice: fc.integer({ min: -20, max: 19 }),
  } satisfies { readonly [Name in keyof Required<RunOptions>]: fc.Arbitrary<RunOptions[Name]> },
  { requiredKeys: [] },
);

const what = fc.oneof(
  fc.record({ command: text, argv: fc.constant(null) }),
  fc.record({ command: fc.constant(null), argv: fc.array(text, { minLength: 1, maxLength: 4 }) }),
);

export const attempt: fc.Arbitrary<Attempt> = fc.record({
  ref,
  queue: text,
  scheduledAtUs: int53,
  lateUs: uint53,
  run: fc
    .tuple(what, fc.record({ options, secretEnv: byName, hasStdin: fc.boolean() }))
    .map(([command, rest]) => ({ ...command, ...rest })),
  totalTimeoutLeftMs: fc.option(uint53),
});
