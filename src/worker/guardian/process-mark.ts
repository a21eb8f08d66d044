import type { ProcessId } from './process-entry.ts';

/** The variable that says, in the environment of a process, which attempt it belongs to. Children inherit it. */
export const MARK_VARIABLE = 'HYDRA_PROCESS_MARK';

export interface ProcessMark {
  /** Of process numbers, since those of another container mean other processes; `''`: unknown. */
  readonly namespace: string;
  readonly worker: ProcessId;
  /** Of the guardian; there may be several in one process. */
  readonly instance: string;
  /** Of the attempt. */
  readonly key: string;
  /** What the command leaves behind may live on. */
  readonly allowsBackground: boolean;
}

export function formatMark(mark: ProcessMark): string {
  const { namespace, worker, instance, key, allowsBackground } = mark;
  return [namespace, worker.pid, worker.start, instance, key, allowsBackground ? 'b' : 'k'].join(':');
}

/** `null`: it is none. */
export function parseMark(text: string): ProcessMark | null {
  const found = /^(\d*):(\d+):(\d+):(\w+):(.+):([bk])$/s.exec(text);
  if (!found) return null;
  const [, namespace = '', pid, start, instance = '', key = '', background] = found;
  return {
    namespace,
    worker: { pid: Number(pid), start: Number(start) },
    instance,
    key,
    allowsBackground: background === 'b',
  };
}
