import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import type { Limits } from '../../domain/run-options.ts';
import type { Signal } from '../../domain/signals.ts';
import type { Usage } from '../../domain/usage.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Service } from '../../runtime/service.ts';
import { killGroup } from '../process-group.ts';
import { cgroupName } from './cgroup.ts';
import { Companion } from './companion.ts';
import { checkCgroup, joinCgroup, makeCgroup } from './make-cgroup.ts';
import { monotonicMs } from './monotonic-clock.ts';
import { formatMark, MARK_VARIABLE } from './process-mark.ts';
import { startOf } from './process-table.ts';
import {
  NO_USAGE,
  type Begin,
  type EndRequest,
  type FromCompanion,
  type LeaseUntil,
  type SignalRequest,
} from './protocol.ts';

export interface GuardianOptions {
  readonly logger: Logger;
  /** Folder of cgroup v2 in which each attempt gets one of its own; `null`: none does. */
  readonly cgroup: string | null;
  /** From setWorkerMark. Only for the one guardian of a process. */
  readonly workerMark: string | null;
}

/** What the companion answers. */
interface Answer {
  readonly usage: Usage;
  /** Processes that could not be killed. */
  readonly survivors: number;
}

/** What became of the processes of an attempt. */
export interface Ended extends Answer {
  /** They were killed before anybody asked for it, since the lease had ended as far as the companion knew. */
  readonly fenced: boolean;
}

interface Pending {
  readonly request: SignalRequest | EndRequest;
  readonly resolve: (answer: Answer) => void;
  /** Times that no answer came. */
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** Longer than the companion takes to give up on what it cannot kill. */
const ANSWER_TIMEOUT_MS = 11_000;
const MOST_FAILURES = 2;
const START_TIMEOUT_MS = 10_000;
/** A companion that ends at once is not started again and again at full speed. */
const RESTART_PAUSE_MS = 100;
const LONGEST_RESTART_PAUSE_MS = 5_000;

const IS_LINUX = process.platform === 'linux';

/**
 * Sees to it that nothing of an attempt is left when the attempt is over, wherever its processes went, and when the
 * worker dies, too: that is why the work is done by a process of its own, the companion. If that one dies, another one
 * is started and told everything again.
 */
export class Guardian implements Service {
  readonly #options: GuardianOptions;
  readonly #identity = {
    namespace: pidNamespace(),
    worker: { pid: process.pid, start: startOf(process.pid) ?? 0 },
    instance: randomBytes(6).toString('hex'),
  };
  #companion: Companion | null = null;
  #controllers: readonly string[] = [];
  #cgroupCount = 0;
  /** Folders, by key of the attempt. */
  readonly #cgroups = new Map<string, string>();
  /** Attempts that have begun and not ended, by key. */
  readonly #begun = new Map<string, Begin>();
  /** Those among them that the companion has killed, since the lease had ended. */
  readonly #fenced = new Set<string>();
  readonly #pending = new Map<number, Pending>();
  /** The newest of what the companion was told of the lease. */
  #lease: LeaseUntil | null = null;
  #lastId = 0;
  #spared = false;
  #restarts = 0;
  /** Companions in a row that ended before they were ready. */
  #failedStarts = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #onFirst: ((error: Error | null) => void) | null = null;
  #stopped = false;

  constructor(options: GuardianOptions) {
    this.#options = options;
  }

  /** Companions that were started in place of one that had died. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Rejects with a sentence when the cgroup folder cannot be used or no companion can be started. */
  async start(): Promise<void> {
    const { cgroup, logger } = this.#options;
    if (cgroup !== null) this.#controllers = await checkCgroup(cgroup);
    if (!IS_LINUX) {
      logger.warn('without /proc a command that leaves its process group is not found: only Linux has all guarantees');
    }
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#onFirst = (error) => (error ? reject(error) : resolve());
        timer = setTimeout(() => reject(new Error('the guardian did not start in time')), START_TIMEOUT_MS);
        this.#launch();
      });
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      this.#onFirst = null;
      clearTimeout(timer);
    }
  }

  /** Everything that is left of any attempt is killed first, but for what may live. */
  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    if (!this.#companion && this.#begun.size > 0) this.#launch();
    this.#stopped = true;
    await this.#companion?.leave();
    for (const { request } of this.#pending.values()) this.#settle(request.id, { usage: NO_USAGE, survivors: 0 });
  }

  /** What runs may go on for that long from now; then it is killed, even if this process does nothing any more. */
  allowFor(ms: number): void {
    this.#lease = { kind: 'lease', atMs: monotonicMs() + ms };
    this.#companion?.send(this.#lease);
  }

  /** Variables that mark every process of the attempt. */
  environment(key: string, allowBackground: boolean): Record<string, string> {
    return { [MARK_VARIABLE]: formatMark({ ...this.#identity, key, allowsBackground: allowBackground }) };
  }

  /**
   * What to put before the command's argv so that it joins its cgroup, as the worker's user; [] without one. Makes the
   * cgroup; `end` removes it, also when the command could not be started. Of `limits` those hold whose controllers are
   * enabled, see checkCgroup. Rejects when it cannot be made.
   */
  async prefix(key: string, limits: Limits): Promise<readonly string[]> {
    const { cgroup } = this.#options;
    if (cgroup === null) return [];
    const folder = `${cgroup}/${cgroupName(this.#identity, ++this.#cgroupCount)}`;
    this.#cgroups.set(key, folder);
    await makeCgroup(folder, limits, this.#controllers);
    return joinCgroup(folder);
  }

  /** To be called as soon as the command was started, before it can be waited for: its pid is surely its own then. */
  begin(key: string, leaderPid: number): void {
    const leader = { pid: leaderPid, start: startOf(leaderPid) ?? 0 };
    const begin: Begin = { kind: 'begin', key, leader, cgroup: this.#cgroups.get(key) ?? null };
    this.#begun.set(key, begin);
    this.#companion?.send(begin);
  }

  /** Sends a signal once to each process of the attempt, wherever it went. */
  signal(key: string, signal: Signal): void {
    if (this.#begun.has(key)) void this.#ask((id) => ({ kind: 'signal', id, key, signal }));
  }

  /**
   * The command has ended or is to be gone: kills what is left of it (unless spareBackground) and resolves when nothing
   * is. Never rejects.
   */
  async end(key: string, options: { readonly spareBackground: boolean }): Promise<Ended> {
    if (!this.#begun.has(key)) {
      await this.#removeUnused(key);
      return { usage: NO_USAGE, survivors: 0, fenced: false };
    }
    const answer = await this.#ask((id) => ({ kind: 'end', id, key, ...options }));
    if (options.spareBackground) this.#spared = true;
    this.#begun.delete(key);
    this.#cgroups.delete(key);
    return { ...answer, fenced: this.#fenced.delete(key) };
  }

  async #removeUnused(key: string): Promise<void> {
    const folder = this.#cgroups.get(key);
    this.#cgroups.delete(key);
    // What cannot be removed is found by a companion later.
    if (folder !== undefined) await rmdir(folder).catch(() => undefined);
  }

  #ask(build: (id: number) => SignalRequest | EndRequest): Promise<Answer> {
    return new Promise((resolve) => {
      const request = build(++this.#lastId);
      const pending: Pending = { request, resolve, failures: 0, timer: undefined };
      this.#pending.set(request.id, pending);
      if (this.#stopped) this.#settle(request.id, { usage: NO_USAGE, survivors: 0 });
      else this.#post(pending);
    });
  }

  #post(pending: Pending): void {
    this.#companion?.send(pending.request);
    clearTimeout(pending.timer);
    pending.timer = setTimeout(() => this.#notAnswered(pending), ANSWER_TIMEOUT_MS);
  }

  /** First another companion is asked; then we make do with what can be done without one. */
  #notAnswered(pending: Pending): void {
    const { request } = pending;
    pending.failures += 1;
    if (pending.failures < MOST_FAILURES) {
      if (this.#companion?.kill() === true)
        this.#options.logger.error('the guardian does not answer; starting another');
      // It is asked in its turn; until then this keeps the time.
      this.#post(pending);
      return;
    }
    const { key } = request;
    this.#options.logger.error({ key }, 'no guardian answers: only the process group is signalled, others may be left');
    const leader = this.#begun.get(key)?.leader;
    if (leader && mayLeadStill(leader)) {
      if (request.kind === 'signal') signalGroup(leader.pid, request.signal);
      else if (!request.spareBackground) killGroup(leader.pid);
    }
    this.#settle(request.id, { usage: NO_USAGE, survivors: 0 });
  }

  #settle(id: number, answer: Answer): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    pending.resolve(answer);
  }

  #launch(): void {
    const companion = new Companion({
      onMessage: (message) => this.#receive(message),
      onExit: (how) => this.#companionEnded(how),
    });
    this.#companion = companion;
    companion.send({
      kind: 'hello',
      cgroup: this.#options.cgroup,
      proc: IS_LINUX ? { ...this.#identity, workerMark: this.#options.workerMark, spared: this.#spared } : null,
    });
    for (const begin of this.#begun.values()) companion.send(begin);
    if (this.#lease) companion.send(this.#lease);
    for (const pending of this.#pending.values()) this.#post(pending);
  }

  #receive(message: FromCompanion): void {
    switch (message.kind) {
      case 'ready':
        this.#failedStarts = 0;
        this.#onFirst?.(null);
        return;
      case 'done':
        this.#settle(message.id, { usage: message.usage, survivors: message.survivors });
        return;
      case 'fenced':
        for (const key of message.keys) if (this.#begun.has(key)) this.#fenced.add(key);
        return;
      case 'warning':
        this.#options.logger.warn(message.text);
        return;
    }
  }

  #companionEnded(how: string): void {
    this.#companion = null;
    if (this.#stopped) return;
    if (this.#onFirst) {
      this.#onFirst(new Error(`the guardian did not start: it ${how}`));
      return;
    }
    this.#options.logger.error({ how }, 'the guardian has died; starting another');
    const pauseMs =
      this.#failedStarts === 0
        ? 0
        : Math.min(LONGEST_RESTART_PAUSE_MS, RESTART_PAUSE_MS * 2 ** (this.#failedStarts - 1));
    this.#failedStarts += 1;
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1;
      this.#launch();
    }, pauseMs);
  }
}

/** Whether its group cannot be another's: as long as it has members, no process gets its number. */
function mayLeadStill(leader: { readonly pid: number; readonly start: number }): boolean {
  const start = startOf(leader.pid);
  return start === null || start === leader.start;
}

function signalGroup(group: number, signal: Signal): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left in it.
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch {
    return '';
  }
}
