import type { Limits, Run } from '../domain/run-options.ts';
import type { Abilities } from './abilities.ts';
import type { Account } from './accounts.ts';
import { findProgram, quote, whyNotFolder } from './find-program.ts';

export interface LaunchRequest {
  readonly run: Run;
  /** Whom to run it as; `null`: as the worker. */
  readonly account: Account | null;
  /** The whole environment of the command. */
  readonly environment: Readonly<Record<string, string>>;
  readonly abilities: Abilities;
  /** That limit the cgroup of the attempt, so that nothing else need do it. */
  readonly cgroupControllers: readonly string[];
  /** The worker's own folder, where commands run that name no other. */
  readonly workerCwd: string;
}

/** What is to be started: `outer`, what puts it into its cgroup, `inner`, in one line of arguments. */
export interface LaunchPlan {
  readonly outer: readonly string[];
  readonly inner: readonly string[];
  readonly cwd: string;
}

/** A plan, or a sentence that says why this worker cannot run it. */
export type Planned = { readonly ok: true; readonly plan: LaunchPlan } | { readonly ok: false; readonly error: string };

/** Words to put before a command, or why that cannot be done. */
type Wrapper =
  { readonly ok: true; readonly words: readonly string[] } | { readonly ok: false; readonly error: string };

const NOTHING: Wrapper = { ok: true, words: [] };
const DEFAULT_SHELL = 'sh';
/**
 * By these whoever sets them has code of theirs run by the programs that are started before the user is changed: by the
 * dynamic linker, the C library or a shell.
 */
const RUNS_CODE = /^(?:LD_.*|GCONV_PATH|SHELLOPTS|BASHOPTS)$/;
/** From the signal that says that the CPU time is used up, which a command may answer, to the kill. */
const CPU_MARGIN_SECONDS = 5;

/**
 * Works out how an attempt is to be started, and finds out beforehand what the system would only say when it is too
 * late: once a wrapper runs, its fault looks like the command's. Each wrapper is there only when it is asked for, and
 * each replaces itself with the next, so that they leave one process, the command's.
 */
export function planLaunch(request: LaunchRequest): Planned {
  const { run, environment, workerCwd } = request;
  const cwd = run.options.cwd ?? workerCwd;
  const notFolder = whyNotFolder(cwd);
  if (notFolder !== null) return { ok: false, error: `cwd ${quote(cwd)} cannot be used: ${notFolder}` };

  const target = run.argv ?? [run.options.shell ?? DEFAULT_SHELL, '-c', run.command ?? ''];
  const [name = ''] = target;
  const program = findProgram(name, environment.PATH ?? '', cwd);
  if (!program.ok) return program;
  // A wrapper would take a name that begins with a dash for an option of its own.
  const words = [name.startsWith('-') ? program.file : name, ...target.slice(1)];

  const inner: string[] = [];
  for (const wrap of [prlimit, nice, setpriv]) {
    const wrapper = wrap(request);
    if (!wrapper.ok) return wrapper;
    inner.push(...wrapper.words);
  }
  return { ok: true, plan: { outer: umask(run.options.umask), inner: [...inner, ...words], cwd } };
}

/** Limits that the kernel holds each process to; they are inherited, and only root can raise them again. */
function prlimit({ run, abilities, cgroupControllers, account }: LaunchRequest): Wrapper {
  const limits = run.options.limits ?? {};
  const fault = limitFault(limits, abilities);
  if (fault !== null) return { ok: false, error: fault };
  const flags: string[] = [];
  if (limits.open_files !== undefined) flags.push(`--nofile=${limits.open_files}`);
  if (limits.processes !== undefined && !cgroupControllers.includes('pids')) {
    // Counted over all processes of the user, which for root are not counted at all.
    if ((account?.uid ?? abilities.uid) === 0) {
      const error =
        'limits.processes does not hold for root: give another user, or configure the worker with HYDRA_CGROUP';
      return { ok: false, error };
    }
    flags.push(`--nproc=${limits.processes}`);
  }
  if (limits.cpu_seconds !== undefined) {
    // SIGXCPU at the first, SIGKILL at the second.
    const last = Math.min(limits.cpu_seconds + CPU_MARGIN_SECONDS, abilities.ceilings.cpuSeconds);
    flags.push(`--cpu=${limits.cpu_seconds}:${last}`);
  }
  if (limits.memory_bytes !== undefined && !cgroupControllers.includes('memory')) {
    // What a process writes to (its data segment, heap and private mappings), not its address space: Node.js, Go and
    // Java reserve many gigabytes of that, use little of it, and could not even start.
    flags.push(`--data=${limits.memory_bytes}`);
  }
  if (flags.length === 0) return NOTHING;
  const file = abilities.tools.prlimit;
  if (file === null) return { ok: false, error: 'limits cannot be set: this worker has no program prlimit' };
  return { ok: true, words: [file, ...flags, '--'] };
}

function limitFault(limits: Limits, { ceilings }: Abilities): string | null {
  const ceilingOf = {
    open_files: ceilings.openFiles,
    processes: ceilings.processes,
    cpu_seconds: ceilings.cpuSeconds,
    memory_bytes: ceilings.dataBytes,
  } satisfies Record<keyof Limits, number>;
  for (const [name, ceiling] of Object.entries(ceilingOf)) {
    const value = limits[name as keyof Limits];
    if (value !== undefined && value > ceiling) {
      return `limits.${name} is ${value}, and the worker itself is limited to ${ceiling}`;
    }
  }
  return null;
}

function nice({ run, abilities }: LaunchRequest): Wrapper {
  const wanted = run.options.nice;
  if (wanted === undefined || wanted === abilities.niceness) return NOTHING;
  if (wanted < abilities.leastNiceness) {
    return { ok: false, error: `nice is ${wanted}, and this worker may not go below ${abilities.leastNiceness}` };
  }
  const file = abilities.tools.nice;
  if (file === null) return { ok: false, error: 'nice cannot be set: this worker has no program nice' };
  return { ok: true, words: [file, '-n', String(wanted - abilities.niceness), '--'] };
}

function setpriv({ run, account, abilities }: LaunchRequest): Wrapper {
  if (account === null || account.uid === abilities.uid) return NOTHING;
  if (!abilities.maySwitchUser) {
    const error = `the worker runs as ${abilities.userName} and has no right to run commands as ${account.name}`;
    return { ok: false, error };
  }
  const given = Object.keys({ ...run.options.env, ...run.secretEnv }).find((variable) => RUNS_CODE.test(variable));
  if (given !== undefined) {
    const error =
      `${given} cannot be given together with user, since it would act on the programs that change the user, too; ` +
      'set it in the command itself';
    return { ok: false, error };
  }
  const file = abilities.tools.setpriv;
  if (file === null) return { ok: false, error: 'user cannot be changed: this worker has no program setpriv' };
  return { ok: true, words: [file, `--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--'] };
}

/** By the one program that every system has; the mask is kept through all that follows. */
function umask(mask: string | undefined): string[] {
  return mask === undefined ? [] : ['/bin/sh', '-c', `umask ${mask} && exec "$@"`, 'sh'];
}
