import type { ProcessEntry } from './process-entry.ts';
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
