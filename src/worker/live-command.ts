import { setTimeout as delay } from 'node:timers/promises';
import type { Signal } from '../domain/signals.ts';
import type { Usage } from '../domain/usage.ts';
import type { Guardian } from './guardian/guardian.ts';
import { groupActs } from './group-members.ts';
import { killGroup } from './process-group.ts';
import type { RunningCommand, TimedExit } from './spawn-command.ts';
import { Alarm, settlesWithin } from './timer.ts';

export interface LiveCommandOptions {
  /** Of the attempt. */
  readonly key: string;
  readonly command: RunningCommand;
  readonly guardian: Guardian;
  /** The first signal when it is stopped. */
  readonly stopSignal: Signal;
  /** From the stop signal to SIGKILL. */
  readonly graceMs: number;
  /** It is killed, since the grace period is over or there is none. */
  readonly onKill: () => void;
}

/** What became of the processes of an attempt. */
export interface Cleared {
  readonly usage: Usage;
  /** Processes that could not be killed. */
  readonly survivors: number;
  /** See Ended of the guardian. */
  readonly fenced: boolean;
}

/**
 * How long after the command's end others may still write to its streams: time for what it wrote to be read, and for
 * helpers such as `tee` to finish. Also how long a stream may stay silent after everybody is dead.
 */
const LINGER_MS = 200;
/** A command that succeeded sooner is told of before what it may have left is looked for. */
const SHORT_MS = 100;
/** Between looks at whether the rest of a tree that was told to stop has done so: at first, and at most. */
const TREE_POLL_MS = 10;
const LONGEST_TREE_POLL_MS = 200;
/** From when the guardian has given up killing a command to when it is taken to stay for ever. */
const ABANDON_MS = 1_000;
const NOT_MEASURED: Usage = { cpuMs: null, peakMemoryBytes: null };

/** The processes of an attempt, from the start of its command to when none is left. */
export class LiveCommand {
  /** How the command itself ended, or that it could not be killed. */
  readonly ended: Promise<TimedExit>;
  readonly #options: LiveCommandOptions;
  readonly #grace = new Alarm();
  #stopping = false;
  #graceEndsAtMs = Infinity;
  #sweep: Promise<Cleared> | null = null;
  #abandon: (exit: TimedExit) => void = () => undefined;

  constructor(options: LiveCommandOptions) {
    this.#options = options;
    const abandoned = new Promise<TimedExit>((resolve) => (this.#abandon = resolve));
    this.ended = Promise.race([options.command.exited, abandoned]);
  }

  /** To all of its processes. */
  signal(signal: Signal): void {
    this.#options.guardian.signal(this.#options.key, signal);
  }

  /**
   * Gives all of its processes the stop signal and the grace period, and kills what is left. Again: only makes the
   * grace period end sooner. `graceLimitMs`: most that it may last from now on.
   */
  stop(graceLimitMs: number): void {
    const killsAtOnce = this.#options.stopSignal === 'SIGKILL';
    const graceMs = killsAtOnce ? 0 : Math.min(this.#options.graceMs, graceLimitMs);
    if (!this.#stopping && graceMs > 0) {
      this.signal(this.#options.stopSignal);
      // A process that is halted acts on no other signal but this and SIGKILL.
      this.signal('SIGCONT');
    }
    this.#stopping = true;
    const endsAtMs = performance.now() + graceMs;
    if (endsAtMs >= this.#graceEndsAtMs) return;
    this.#graceEndsAtMs = endsAtMs;
    if (graceMs > 0) this.#grace.set(graceMs, () => this.#killAfterGrace());
    else this.#killAfterGrace();
  }

  /** Kills all of its processes: its group before this returns, those that left it in a moment. */
  kill(): void {
    this.#grace.clear();
    if (this.#sweep) return;
    killGroup(this.#options.command.pid);
    void this.#clear(false).then(async () => {
      if (await settlesWithin(this.#options.command.exited, ABANDON_MS)) return;
      this.#abandon({ exitCode: null, signal: null, atMs: performance.now() });
    });
  }

  /**
   * After its end: clears away what it left behind, unless that may live on, and returns when nothing of it is left.
   * `read` settles when its streams are closed, and `release` goes on reading them without keeping what is read.
   */
  async close(exit: TimedExit, sparesBackground: boolean, read: Promise<void>, release: () => void): Promise<Cleared> {
    const { command } = this.#options;
    if (this.#stopping) await this.#restOfTree(read);
    this.#grace.clear();
    const closed = await settlesWithin(read, LINGER_MS);
    if (closed && !this.#stopping && this.#sweep === null && isShortSuccess(exit, command)) {
      // Its group is dead when this returns. The usage of a command that short is next to nothing.
      if (!sparesBackground) killGroup(command.pid);
      void this.#clear(sparesBackground);
      return { usage: NOT_MEASURED, survivors: 0, fenced: false };
    }
    const cleared = await this.#clear(sparesBackground);
    if (!closed && sparesBackground) release();
    else if (!closed) await this.#readToEnd(read);
    return cleared;
  }

  /** Resolves when nothing of it is left, once {@link kill} or {@link close} was called. */
  async cleared(): Promise<void> {
    await this.#sweep;
  }

  /** The end of reading, whoever still holds the other ends. */
  destroyStreams(): void {
    const { stdin, stdout, stderr } = this.#options.command;
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
  }

  #killAfterGrace(): void {
    this.#options.onKill();
    this.kill();
  }

  /** The guardian is told once. */
  #clear(spareBackground: boolean): Promise<Cleared> {
    return (this.#sweep ??= this.#options.guardian.end(this.#options.key, { spareBackground }));
  }

  /**
   * `sh` ends at the stop signal while what it ran still tidies up, for which it has the rest of the grace period. Those
   * that left the group and closed their streams are not waited for.
   */
  async #restOfTree(read: Promise<void>): Promise<void> {
    const { pid } = this.#options.command;
    for (let pauseMs = TREE_POLL_MS; !this.#sweep; pauseMs = Math.min(2 * pauseMs, LONGEST_TREE_POLL_MS)) {
      const closed = await settlesWithin(read, pauseMs);
      if (closed && !groupActs(pid)) return;
      if (closed) await delay(pauseMs);
    }
  }

  /**
   * Those who wrote are dead, so that what is left is in the pipes, and is read as fast as the coordinator takes it.
   * Only a process that could not be found or killed keeps one open, and it is not waited for.
   */
  async #readToEnd(read: Promise<void>): Promise<void> {
    const streams = [this.#options.command.stdout, this.#options.command.stderr].filter((stream) => stream !== null);
    for (;;) {
      const before = streams.map(({ bytesRead }) => bytesRead);
      if (await settlesWithin(read, LINGER_MS)) return;
      const held = (index: number) => {
        const stream = streams[index];
        return stream === undefined || stream.destroyed || (!stream.isPaused() && stream.bytesRead === before[index]);
      };
      if (streams.every((_, index) => held(index))) {
        this.destroyStreams();
        await read;
        return;
      }
    }
  }
}

function isShortSuccess(exit: TimedExit, command: RunningCommand): boolean {
  return exit.exitCode === 0 && exit.atMs - command.startedAtMs < SHORT_MS;
}
