import { DEFAULT_GRACE_MS } from '../domain/run-options.ts';
import type { Signal } from '../domain/signals.ts';
import type { AttemptResult } from '../domain/task-state.ts';
import type { Usage } from '../domain/usage.ts';
import { refKey, type Attempt, type AttemptRef } from '../rpc/messages.ts';
import { resultOf, resultOfUnstarted, spawnError, type StopCause } from './attempt-result.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import type { Guardian } from './guardian/guardian.ts';
import type { Launcher } from './launcher.ts';
import { LiveCommand } from './live-command.ts';
import type { AttemptOutput } from './output/attempt-output.ts';
import type { OutputOutbox } from './output/output-outbox.ts';
import { spawnCommand, type RunningCommand } from './spawn-command.ts';
import { StdinFeed, type StdinCall } from './stdin-feed.ts';
import { timeLimitOf, TOTAL_TIMEOUT_ERROR } from './time-limit.ts';
import { Alarm } from './timer.ts';

export interface AttemptRunOptions {
  readonly attempt: Attempt;
  readonly launcher: Launcher;
  readonly guardian: Guardian;
  readonly outputs: OutputOutbox;
  /** Bytes of output that are kept, unless the task says. */
  readonly outputLimitBytes: number;
  readonly now: () => number;
  /** Whether the worker's lease is held. False: whoever is asked has fenced all attempts. */
  readonly mayRun: () => boolean;
  readonly readStdin: (ref: AttemptRef, offset: number) => StdinCall | null;
  readonly events: AttemptEvents;
}

/** What an attempt tells; nothing more once it was dropped. */
export interface AttemptEvents {
  readonly onStarted: (ref: AttemptRef, startedAtMs: number) => void;
  readonly onStop: (cause: StopCause['kind']) => void;
  /** SIGKILL, since the grace period was over or there was none. */
  readonly onKill: () => void;
  readonly onStdinBytes: (count: number) => void;
  /** The coordinator says that it is not ours. */
  readonly onDisowned: (ref: AttemptRef) => void;
  /** Last of all. */
  readonly onEnded: (ended: EndedAttempt) => void;
}

/**
 * `closing`: the command has ended, and what it left behind is cleared away.
 * `delivering`: nothing of it runs any more; what it wrote is not yet acknowledged.
 */
type Phase = 'starting' | 'running' | 'stopping' | 'closing' | 'delivering' | 'ended';

/** Of a command that never ran. */
const NO_USAGE: Usage = { cpuMs: null, peakMemoryBytes: null };

/** One attempt, from when it came to when its result is handed on. */
export class AttemptRun {
  readonly ref: AttemptRef;
  readonly #options: AttemptRunOptions;
  readonly #key: string;
  readonly #cameAtMs: number;
  #phase: Phase = 'starting';
  #cause: StopCause | null = null;
  #dropped = false;
  #fenced = false;
  /** What its command has left behind may live on. */
  #spares = false;
  #startedAtMs: number | null = null;
  #live: LiveCommand | null = null;
  #output: AttemptOutput | null = null;
  #stdin: StdinFeed | null = null;
  readonly #timeout = new Alarm();
  readonly #warning = new Alarm();

  constructor(options: AttemptRunOptions) {
    this.#options = options;
    this.ref = options.attempt.ref;
    this.#key = refKey(this.ref);
    this.#cameAtMs = options.now();
  }

  /** Of performance.now(); `null`: not, or not yet. */
  get startedAtMs(): number | null {
    return this.#startedAtMs;
  }

  /** It was not started and is to be given to somebody else as it is: nobody need know that it came. */
  get neverStarts(): boolean {
    return this.#phase === 'starting' && (this.#cause?.kind === 'fenced' || this.#cause?.kind === 'handed_back');
  }

  /** Once. Resolves when nothing of it is left. Never rejects. */
  async start(): Promise<void> {
    const command = await this.#launch();
    if (command) await this.#run(command);
    await this.#live?.cleared();
  }

  /**
   * Stops it in the way that its options say; what has ended already is left as it is. The first cause is the one that
   * is told, but for a cancel, which somebody waits for. `graceLimitMs`: most that the grace period may last.
   */
  stop(cause: StopCause, graceLimitMs = Infinity): void {
    if (this.#hasEnded || this.#fenced) return;
    if (this.#cause === null) this.#options.events.onStop(cause.kind);
    if (this.#cause === null || cause.kind === 'cancelled') this.#cause = cause;
    if (!this.#live) return;
    this.#phase = 'stopping';
    this.#clearAlarms();
    this.#live.stop(graceLimitMs);
  }

  /**
   * The right to run it has ended: kills it at once, and has it reported as lost once it is dead, unless there was
   * another cause to stop it or it has ended by itself. False: it had ended, or was fenced before.
   */
  fence(): boolean {
    if (this.#fenced) return false;
    this.#fenced = true;
    const ran = !this.#hasEnded;
    if (ran && this.#cause === null) {
      this.#cause = { kind: 'fenced' };
      this.#options.events.onStop('fenced');
    }
    this.#clearAlarms();
    this.#stdin?.stop();
    if (!this.#spares) this.#live?.kill();
    return ran;
  }

  /** Kills it at once and forgets it: it is not ours. */
  drop(): void {
    this.#dropped = true;
    this.#clearAlarms();
    this.#stdin?.stop();
    this.#output?.discard();
    this.#live?.kill();
  }

  /** There is a session, perhaps another one. */
  resumeStdin(): void {
    this.#stdin?.resume();
  }

  /** The command has ended, or could not be started. */
  get #hasEnded(): boolean {
    return this.#phase === 'closing' || this.#phase === 'delivering' || this.#phase === 'ended';
  }

  get #runOptions() {
    return this.#options.attempt.run.options;
  }

  get #stopSignal(): Signal {
    return this.#runOptions.stop_signal ?? 'SIGTERM';
  }

  /** Milliseconds that the task may still take; `null`: any time. */
  get #totalLeftMs(): number | null {
    const { totalTimeoutLeftMs } = this.#options.attempt;
    return totalTimeoutLeftMs === null ? null : totalTimeoutLeftMs - (this.#options.now() - this.#cameAtMs);
  }

  /** `null`: it was not started, and has ended. */
  async #launch(): Promise<RunningCommand | null> {
    const { launcher, guardian, attempt, mayRun } = this.#options;
    const prepared = await launcher.prepare(attempt, this.#cameAtMs);
    if (prepared.kind === 'refused') {
      this.#endUnstarted(this.#cause === null ? prepared.result : resultOfUnstarted(this.#cause, this.#stopSignal));
      return null;
    }
    if ((this.#totalLeftMs ?? 1) <= 0) this.stop({ kind: 'timed_out', error: TOTAL_TIMEOUT_ERROR });
    if (!this.#dropped && this.#cause === null && mayRun()) {
      const spawned = await spawnCommand(prepared.spawn);
      if (spawned.ok) return spawned.command;
      this.#endUnstarted(spawnError(spawned.error));
    } else {
      launcher.discard(prepared.spawn);
      if (this.#cause !== null) this.#endUnstarted(resultOfUnstarted(this.#cause, this.#stopSignal));
    }
    // Its cgroup may have been made.
    await guardian.end(this.#key, { spareBackground: false });
    return null;
  }

  async #run(command: RunningCommand): Promise<void> {
    const live = this.#begin(command);
    const output = this.#beginOutput();
    const read = output.read(command.stdout, command.stderr);
    this.#feed(command);
    this.#watchTime();

    const exit = await live.ended;
    // Perhaps the guardian has killed it, since the lease ended while this process was halted.
    this.#options.mayRun();
    this.#phase = 'closing';
    this.#clearAlarms();
    this.#stdin?.stop();
    this.#spares = this.#runOptions.background === 'allow' && this.#cause === null && !this.#dropped;
    const { usage, survivors, fenced } = await live.close(exit, this.#spares, read, () => output.release());
    if (this.#isDropped()) {
      live.destroyStreams();
      return;
    }
    this.#phase = 'delivering';
    // The guardian had not heard yet that the lease was renewed at the last moment.
    if (fenced && exit.signal === 'SIGKILL') this.#cause ??= { kind: 'fenced' };
    const result = resultOf({ exit, cause: this.#cause, stopSignal: this.#stopSignal, survivors });
    const pieces = await output.finish();
    this.#end({ startedAtMs: command.startedAtMs, endedAtMs: exit.atMs, result, output: pieces, usage });
  }

  #begin(command: RunningCommand): LiveCommand {
    const { guardian, events } = this.#options;
    this.#phase = 'running';
    this.#startedAtMs = command.startedAtMs;
    guardian.begin(this.#key, command.pid);
    this.#live = new LiveCommand({
      key: this.#key,
      command,
      guardian,
      stopSignal: this.#stopSignal,
      graceMs: this.#runOptions.grace_ms ?? DEFAULT_GRACE_MS,
      onKill: events.onKill,
    });
    events.onStarted(this.ref, command.startedAtMs);
    return this.#live;
  }

  #beginOutput(): AttemptOutput {
    const { outputs, outputLimitBytes, attempt } = this.#options;
    const limitBytes = this.#runOptions.output_limit_bytes ?? outputLimitBytes;
    const cause: StopCause = { kind: 'output_limit', limitBytes };
    this.#output = outputs.begin(this.ref, {
      limitBytes,
      secrets: Object.values(attempt.run.secretEnv),
      onLimit: this.#runOptions.on_output_limit === 'kill' ? () => this.#wroteTooMuch(cause) : null,
    });
    return this.#output;
  }

  /** It may be noticed after the command has ended. Then there is nothing to stop, and it has not succeeded either. */
  #wroteTooMuch(cause: StopCause): void {
    this.stop(cause);
    if (this.#phase === 'closing') this.#cause ??= cause;
  }

  #feed({ stdin }: RunningCommand): void {
    if (!stdin) return;
    const { readStdin, events } = this.#options;
    this.#stdin = new StdinFeed({
      sink: stdin,
      open: (offset) => readStdin(this.ref, offset),
      onRefused: () => events.onDisowned(this.ref),
      onBytes: events.onStdinBytes,
    });
  }

  #watchTime(): void {
    const limit = timeLimitOf(this.#runOptions, this.#totalLeftMs);
    if (limit === null) return;
    const { afterMs, error, warning } = limit;
    this.#timeout.set(afterMs, () => this.stop({ kind: 'timed_out', error }));
    if (warning) this.#warning.set(warning.afterMs, () => this.#live?.signal(warning.signal));
  }

  #clearAlarms(): void {
    this.#timeout.clear();
    this.#warning.clear();
  }

  /** Asked after waiting, during which it may have been. */
  #isDropped(): boolean {
    return this.#dropped;
  }

  #endUnstarted(result: AttemptResult): void {
    this.#end({ startedAtMs: null, endedAtMs: this.#options.now(), result, output: [], usage: NO_USAGE });
  }

  #end(ended: Omit<EndedAttempt, 'ref'>): void {
    this.#phase = 'ended';
    if (!this.#dropped) this.#options.events.onEnded({ ref: this.ref, ...ended });
  }
}
