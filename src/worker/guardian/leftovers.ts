import { TICK_SLACK, type ProcessEntry } from './process-entry.ts';
import { MARK_VARIABLE, parseMark } from './process-mark.ts';
import { cgroupMembers, parseCgroupName, subfolders, type CgroupOwner } from './cgroup.ts';
import type { Inspector, MarkedProcess } from './census.ts';

export interface LeftoversOptions {
  readonly processes: ReadonlyMap<number, ProcessEntry>;
  readonly inspector: Inspector;
  /** Of process numbers; `''`: unknown. */
  readonly namespace: string;
  /** Of the guardian that asks. */
  readonly instance: string;
  /** Ancestors of the worker. */
  readonly ancestors: ReadonlySet<number>;
}

/**
 * Processes of attempts whose worker has died together with its companion. What was allowed to live on after its
 * attempt is not among them, since nobody can say any more whether the attempt had ended.
 */
export function findLeftovers(options: LeftoversOptions): MarkedProcess[] {
  const { processes, inspector } = options;
  const found: MarkedProcess[] = [];
  for (const entry of processes.values()) {
    const mark = parseMark(inspector.variable(entry, MARK_VARIABLE) ?? '');
    if (mark && !mark.allowsBackground && isAbandoned(mark, options)) found.push({ entry, mark });
  }
  return withoutServed(found, options);
}

/** Folders of `root` whose worker has died together with its companion, and nothing in which may live on. */
export function findLeftoverCgroups(root: string, options: LeftoversOptions): string[] {
  const { processes, inspector } = options;
  const mayLive = (pid: number): boolean => {
    const entry = processes.get(pid);
    return entry !== undefined && parseMark(inspector.variable(entry, MARK_VARIABLE) ?? '')?.allowsBackground === true;
  };
  return subfolders(root).filter((folder) => {
    const owner = parseCgroupName(folder.slice(folder.lastIndexOf('/') + 1));
    return owner !== null && isAbandoned(owner, options) && !cgroupMembers(folder).some(mayLive);
  });
}

export interface UnheardOfOptions extends Pick<LeftoversOptions, 'processes' | 'ancestors'> {
  /** Pid of the worker. */
  readonly worker: number;
  /** In the unit of {@link ProcessEntry.start}: younger ones are not looked for. */
  readonly bornBy: number;
}

/**
 * Of `unknown`, which have this guardian's mark and belong to no attempt that it was told of, those that are to be gone:
 * the worker died or was halted before it could tell. What may have been left behind with leave is not among them.
 */
export function findUnheardOf(unknown: readonly MarkedProcess[], options: UnheardOfOptions): MarkedProcess[] {
  const { ancestors, bornBy, processes, worker } = options;
  const old = unknown.filter(({ entry }) => entry.start <= bornBy + TICK_SLACK);
  // A child of the worker is a command that has not ended, so that nothing of it was left behind.
  const commands = old.filter(({ entry }) => entry.parent === worker);
  const running = new Set(commands.map(({ mark }) => mark.key));
  const doomed = old.filter(({ mark }) => !mark.allowsBackground || running.has(mark.key));
  return withoutServed(doomed, { processes, ancestors: new Set([...ancestors, worker]) });
}

function isAbandoned(owner: CgroupOwner, { processes, namespace, instance }: LeftoversOptions): boolean {
  if (namespace === '' || owner.namespace !== namespace || owner.instance === instance) return false;
  return processes.get(owner.worker.pid)?.start !== owner.worker.start;
}

/**
 * Those of `marked` that have no parent to answer for them: all above them are marked, too, or take in orphans. A job
 * that a command gave to another service, such as `at`, has the mark in the environment that was written down for it,
 * but is a child of the service.
 */
export function withoutServed(
  marked: readonly MarkedProcess[],
  { processes, ancestors }: Pick<LeftoversOptions, 'processes' | 'ancestors'>,
): MarkedProcess[] {
  const pids = new Set(marked.map(({ entry }) => entry.pid));
  return marked.filter(({ entry }) => {
    let above = entry.parent;
    for (let steps = 0; pids.has(above) && steps < marked.length; steps++) above = processes.get(above)?.parent ?? 0;
    return above <= 1 || !processes.has(above) || ancestors.has(above);
  });
}

/** Pids of all processes above one. */
export function ancestorsOf(pid: number, processes: ReadonlyMap<number, ProcessEntry>): Set<number> {
  const found = new Set<number>();
  for (let at = processes.get(pid)?.parent; at !== undefined && at > 0 && !found.has(at);) {
    found.add(at);
    at = processes.get(at)?.parent;
  }
  return found;
}
