import { refKey, type Attempt, type AttemptInHand, type AttemptRef } from '../rpc/messages.ts';
import { ageUs } from './age.ts';
import { runCommand, type Command, type CommandEnd } from './run-command.ts';

export interface RunningAttemptsOptions {
  readonly capBytes: number;
  readonly environmentOf: (attempt: Attempt) => Readonly<Record<string, string>>;
  readonly onStarted: (ref: AttemptRef, startedAtMs: number) => void;
  /** Not called for what was dropped. */
  readonly onEnded: (ended: EndedAttempt) => void;
}

/** An attempt whose command has ended. Instants are of performance.now(). */
export interface EndedAttempt extends CommandEnd {
  readonly ref: AttemptRef;
  /** `null`: it never started. */
  readonly startedAtMs: number | null;
}

/** The attempts whose commands run now; each holds a slot. */
export class RunningAttempts {
  readonly #byKey = new Map<string, { readonly ref: AttemptRef; readonly command: Command }>();
  /** Commands that were dropped too, until they are dead. */
  readonly #alive = new Set<Command>();

  constructor(private readonly options: RunningAttemptsOptions) {}

  get count(): number {
    return this.#byKey.size;
  }

  has(ref: AttemptRef): boolean {
    return this.#byKey.has(refKey(ref));
  }

  /** What a registration says of them, with ages as of `nowMs`. */
  inHand(nowMs: number): AttemptInHand[] {
    return [...this.#byKey.values()].map(({ ref, command }) => ({
      ref,
      startedAgeUs: ageUs(command.startedAtMs ?? nowMs, nowMs),
    }));
  }

  start(attempt: Attempt): void {
    const { ref } = attempt;
    const command = runCommand({
      command: attempt.command,
      environment: this.options.environmentOf(attempt),
      capBytes: this.options.capBytes,
    });
    const key = refKey(ref);
    const entry = { ref, command };
    this.#byKey.set(key, entry);
    this.#alive.add(command);
    if (command.startedAtMs !== null) this.options.onStarted(ref, command.startedAtMs);
    void command.ended.then((end) => {
      this.#alive.delete(command);
      if (this.#byKey.get(key) !== entry) return;
      this.#byKey.delete(key);
      this.options.onEnded({ ...end, ref, startedAtMs: command.startedAtMs });
    });
  }

  /** Kills those of `refs` that run and forgets them; says which. */
  drop(refs: readonly AttemptRef[]): AttemptRef[] {
    return refs.filter((ref) => {
      const key = refKey(ref);
      this.#byKey.get(key)?.command.kill();
      return this.#byKey.delete(key);
    });
  }

  /** Kills all and forgets them; says which. */
  dropAll(): AttemptRef[] {
    return this.drop([...this.#byKey.values()].map(({ ref }) => ref));
  }

  /** Resolves when each command that runs now, dropped ones included, is dead. */
  async dead(): Promise<void> {
    await Promise.all([...this.#alive].map((command) => command.ended));
  }
}
