import type { AttemptResult } from '../domain/task-state.ts';
import { refKey, type Attempt } from '../rpc/messages.ts';
import type { Environment } from '../runtime/config.ts';
import { readAbilities, type Abilities } from './abilities.ts';
import { Accounts, type Account } from './accounts.ts';
import { spawnError } from './attempt-result.ts';
import { baseEnvironment, commandEnvironment } from './command-environment.ts';
import type { WorkerConfig } from './config.ts';
import type { Guardian } from './guardian/guardian.ts';
import { planLaunch } from './launch-plan.ts';
import { maskText } from './output/secret-masker.ts';
import { closePipe, type Pipes } from './pipes.ts';
import { judgeByPolicy, type Policy } from './policy.ts';
import type { OutputPipes, SpawnOptions } from './spawn-command.ts';

export interface LauncherOptions {
  readonly config: WorkerConfig;
  /** The worker's own. */
  readonly environment: Environment;
  readonly policy: Policy;
  readonly pipes: Pipes;
  readonly guardian: Guardian;
  /** That limit what the guardian puts into a cgroup. */
  readonly cgroupControllers: readonly string[];
  readonly now: () => number;
  readonly onRejected: (rule: string) => void;
}

/** What can be started, or the result of what cannot. */
export type Prepared =
  | { readonly kind: 'ready'; readonly spawn: SpawnOptions }
  | { readonly kind: 'refused'; readonly result: AttemptResult };

/** Gets everything ready that an attempt needs to be started. */
export class Launcher {
  readonly #baseEnvironment: Readonly<Record<string, string>>;
  readonly #abilities: Abilities;
  readonly #accounts: Accounts;

  constructor(private readonly options: LauncherOptions) {
    const { config, environment, now } = options;
    this.#baseEnvironment = baseEnvironment(environment, config.passEnv);
    this.#abilities = readAbilities(environment.PATH ?? '');
    this.#accounts = new Accounts(now);
  }

  /**
   * `cameAtMs`: when the attempt came, by `now`. Never rejects. What is ready holds pipes, and perhaps a cgroup, that
   * whoever does not start it gives back: {@link discard}.
   */
  async prepare(attempt: Attempt, cameAtMs: number): Promise<Prepared> {
    try {
      return await this.#prepare(attempt, cameAtMs);
    } catch (error) {
      return refused(spawnError((error as Error).message));
    }
  }

  /** Gives back the pipes; the guardian is told apart from this. */
  discard({ output }: SpawnOptions): void {
    discardPipes(output);
  }

  async #prepare(attempt: Attempt, cameAtMs: number): Promise<Prepared> {
    const { config, cgroupControllers, guardian, now } = this.options;
    const { run } = attempt;
    const key = refKey(attempt.ref);
    const found = await this.#accountOf(attempt);
    if (!found.ok) return refused(spawnError(found.error));
    const { account } = found;
    const rejection = this.#rejection(attempt, account);
    if (rejection !== null) return refused(rejection);

    const environment = commandEnvironment({
      base: this.#baseEnvironment,
      account,
      attempt,
      workerId: config.workerId,
      waitedMs: now() - cameAtMs,
      marks: guardian.environment(key, run.options.background === 'allow'),
    });
    const planned = planLaunch({
      run,
      account,
      environment,
      abilities: this.#abilities,
      cgroupControllers,
      workerCwd: process.cwd(),
    });
    // It may quote what is in the environment, such as PATH.
    if (!planned.ok) return refused(spawnError(maskText(planned.error, Object.values(run.secretEnv))));
    const { outer, inner, cwd } = planned.plan;
    const output = await this.#takePipes(run.options.merge_stderr === true);
    try {
      const prefix = await guardian.prefix(key, run.options.limits ?? {});
      const argv = [...outer, ...prefix, ...inner];
      return { kind: 'ready', spawn: { argv, cwd, environment, hasStdin: run.hasStdin, output } };
    } catch (error) {
      discardPipes(output);
      throw error;
    }
  }

  async #accountOf(attempt: Attempt): Promise<{ ok: true; account: Account | null } | { ok: false; error: string }> {
    const { user } = attempt.run.options;
    return user === undefined ? { ok: true, account: null } : this.#accounts.find(user);
  }

  #rejection({ run }: Attempt, account: Account | null): AttemptResult | null {
    const { policy, onRejected } = this.options;
    const text = run.argv?.join(' ') ?? run.command ?? '';
    const verdict = judgeByPolicy(policy, { text, user: account?.name ?? this.#abilities.userName });
    if (verdict.allowed) return null;
    onRejected(verdict.rule);
    return { reason: 'rejected', exitCode: null, signal: null, error: verdict.error };
  }

  async #takePipes(merged: boolean): Promise<OutputPipes> {
    const stdout = await this.options.pipes.take();
    if (merged) return { stdout, stderr: null };
    try {
      return { stdout, stderr: await this.options.pipes.take() };
    } catch (error) {
      closePipe(stdout);
      throw error;
    }
  }
}

function discardPipes({ stdout, stderr }: OutputPipes): void {
  closePipe(stdout);
  if (stderr) closePipe(stderr);
}

function refused(result: AttemptResult): Prepared {
  return { kind: 'refused', result };
}
