import type { Limits, RunOptions } from '../domain/run-options.ts';
import { SIGNALS, type Signal } from '../domain/signals.ts';
import type { Attempt as WireAttempt, Attempt__Output } from './generated/hydra/v1/Attempt.ts';
import type { Limits as WireLimits, Limits__Output } from './generated/hydra/v1/Limits.ts';
import type { RunOptions as WireOptions, RunOptions__Output } from './generated/hydra/v1/RunOptions.ts';
import type { Attempt } from './messages.ts';
import { decodeRef, encodeRef } from './ref-codec.ts';

/** Between an attempt as it is dispatched and its wire form, in which what is absent has the default value. */

export function encodeAttempt(attempt: Attempt): WireAttempt {
  const { argv, command, hasStdin, options, secretEnv } = attempt.run;
  return {
    ref: encodeRef(attempt.ref),
    command: command ?? '',
    queue: attempt.queue,
    scheduled_at_us: attempt.scheduledAtUs,
    options: encodeOptions(options, argv),
    late_us: attempt.lateUs,
    ...(attempt.totalTimeoutLeftMs === null ? {} : { total_timeout_left_ms: attempt.totalTimeoutLeftMs }),
    has_stdin: hasStdin,
    secret_env: { ...secretEnv },
  };
}

export function decodeAttempt(wire: Attempt__Output): Attempt {
  const argv = wire.options?.argv ?? [];
  return {
    ref: decodeRef(wire.ref),
    queue: wire.queue,
    scheduledAtUs: wire.scheduled_at_us,
    lateUs: wire.late_us,
    run: {
      command: argv.length > 0 ? null : wire.command,
      argv: argv.length > 0 ? argv : null,
      options: wire.options ? decodeOptions(wire.options) : {},
      secretEnv: wire.secret_env,
      hasStdin: wire.has_stdin,
    },
    totalTimeoutLeftMs: wire.total_timeout_left_ms ?? null,
  };
}

function encodeOptions(options: RunOptions, argv: readonly string[] | null): WireOptions {
  return {
    argv: [...(argv ?? [])],
    shell: options.shell ?? '',
    env: { ...options.env },
    cwd: options.cwd ?? '',
    ...(options.umask === undefined ? {} : { umask: Number.parseInt(options.umask, 8) }),
    user: options.user ?? '',
    timeout_ms: options.timeout_ms ?? 0,
    warn_signal: options.warn_signal ?? '',
    warn_before_ms: options.warn_before_ms ?? 0,
    stop_signal: options.stop_signal ?? '',
    ...(options.grace_ms === undefined ? {} : { grace_ms: options.grace_ms }),
    allow_background: options.background === 'allow',
    merge_stderr: options.merge_stderr ?? false,
    ...(options.output_limit_bytes === undefined ? {} : { output_limit_bytes: options.output_limit_bytes }),
    kill_on_output_limit: options.on_output_limit === 'kill',
    ...(options.limits === undefined ? {} : { limits: { ...options.limits } satisfies WireLimits }),
    ...(options.nice === undefined ? {} : { nice: options.nice }),
  };
}

function decodeOptions(wire: RunOptions__Output): RunOptions {
  const warnSignal = signalOf(wire.warn_signal);
  const stopSignal = signalOf(wire.stop_signal);
  return {
    ...(wire.shell === '' ? {} : { shell: wire.shell }),
    ...(Object.keys(wire.env).length === 0 ? {} : { env: wire.env }),
    ...(wire.cwd === '' ? {} : { cwd: wire.cwd }),
    ...(wire.umask === undefined ? {} : { umask: wire.umask.toString(8).padStart(3, '0') }),
    ...(wire.user === '' ? {} : { user: wire.user }),
    ...(wire.timeout_ms === 0 ? {} : { timeout_ms: wire.timeout_ms }),
    ...(warnSignal === undefined ? {} : { warn_signal: warnSignal }),
    ...(wire.warn_before_ms === 0 ? {} : { warn_before_ms: wire.warn_before_ms }),
    ...(stopSignal === undefined ? {} : { stop_signal: stopSignal }),
    ...(wire.grace_ms === undefined ? {} : { grace_ms: wire.grace_ms }),
    ...(wire.allow_background ? { background: 'allow' } : {}),
    ...(wire.merge_stderr ? { merge_stderr: true } : {}),
    ...(wire.output_limit_bytes === undefined ? {} : { output_limit_bytes: wire.output_limit_bytes }),
    ...(wire.kill_on_output_limit ? { on_output_limit: 'kill' } : {}),
    ...(wire.limits ? { limits: decodeLimits(wire.limits) } : {}),
    ...(wire.nice === undefined ? {} : { nice: wire.nice }),
  };
}

/** A signal that this version does not know is left to its default. */
function signalOf(name: string): Signal | undefined {
  return SIGNALS.find((signal) => signal === name);
}

function decodeLimits(wire: Limits__Output): Limits {
  return {
    ...(wire.memory_bytes === undefined ? {} : { memory_bytes: wire.memory_bytes }),
    ...(wire.open_files === undefined ? {} : { open_files: wire.open_files }),
    ...(wire.processes === undefined ? {} : { processes: wire.processes }),
    ...(wire.cpu_seconds === undefined ? {} : { cpu_seconds: wire.cpu_seconds }),
  };
}
