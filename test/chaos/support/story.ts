import fc from 'fast-check';

/** An attempt that was followed by another one, or a claim that was not to be. */
export type Past =
  /** Its worker was killed: before it could write anything, in the middle, or after it had ended with this status. */
  | { readonly fate: 'lost'; readonly started: boolean; readonly exitCode: number | null }
  /** It failed, and its task says that it may be tried again. */
  | { readonly fate: 'failed'; readonly exitCode: number }
  /** Claimed, sent, and known not to have started. */
  | { readonly fate: 'given up' }
  /** Claimed and never sent. */
  | { readonly fate: 'released' };

export type Final =
  | { readonly fate: 'exited'; readonly exitCode: number }
  | { readonly fate: 'cancelled before it started' | 'expired' | 'spawn error' | 'signalled' | 'lost' }
  /** It failed and was to be tried again, but its total timeout ended first. */
  | { readonly fate: 'out of time'; readonly exitCode: number }
  /** The command ended by itself meanwhile, with this status. */
  | { readonly fate: 'cancelled' | 'timed out'; readonly exitCode: number | null };

/** What happened to one task. */
export interface Story {
  readonly pasts: readonly Past[];
  readonly final: Final;
  /** Scheduled so long after it was submitted; `null`: at once. */
  readonly delayMs: number | null;
  /** Its starts were recorded before its ends. */
  readonly startsRecorded: boolean;
  /** No more starts were allowed than there were. */
  readonly bounded: boolean;
}

const anyStatus = fc.integer({ min: 0, max: 255 });
const anyFailure = fc.integer({ min: 1, max: 255 });
const maybeStatus = fc.option(anyStatus);

const anyClaim = fc.constantFrom<Past[]>({ fate: 'given up' }, { fate: 'released' });
const anyLost: fc.Arbitrary<Past> = fc.oneof(
  fc.record({ fate: fc.constant('lost' as const), started: fc.constant(true), exitCode: maybeStatus }),
  fc.constant<Past>({ fate: 'lost', started: false, exitCode: null }),
);
const anyFailed: fc.Arbitrary<Past> = fc.record({ fate: fc.constant('failed' as const), exitCode: anyFailure });

const rest = {
  delayMs: fc.option(fc.integer({ min: 0, max: 60_000 })),
  startsRecorded: fc.boolean(),
  bounded: fc.boolean(),
};

/** Anything that may happen to a task. */
export const anyStory: fc.Arbitrary<Story> = fc.oneof(
  fc.record({
    pasts: fc.array(fc.oneof(anyClaim, anyLost, anyFailed), { maxLength: 5 }),
    final: fc.oneof(
      fc.record({ fate: fc.constant('exited' as const), exitCode: anyStatus }),
      fc.record({ fate: fc.constant('out of time' as const), exitCode: anyFailure }),
      fc.record({ fate: fc.constantFrom('cancelled' as const, 'timed out' as const), exitCode: maybeStatus }),
      fc.record({
        fate: fc.constantFrom(
          'cancelled before it started' as const,
          'spawn error' as const,
          'signalled' as const,
          'lost' as const,
        ),
      }),
    ),
    ...rest,
  }),
  // Nothing of which a start is known expires.
  fc.record({
    pasts: fc.array(fc.oneof(anyClaim, anyLost), { maxLength: 3 }),
    final: fc.constant({ fate: 'expired' as const }),
    ...rest,
  }),
);
