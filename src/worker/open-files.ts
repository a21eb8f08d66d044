import { readFileSync } from 'node:fs';
import { ConfigError } from '../runtime/config.ts';

/** Both ends of both pipes of a command while it is started; once it runs, the ends that are read, and its input. */
const PER_SLOT = 4;
/** Of the worker itself: its connections, its guardian, and the pipes that it holds ready. */
const OWN = 200;

/**
 * Makes sure that so many commands can run at once. A worker that runs out of descriptors would fail task after task
 * that another one could run. `limits`: the process's /proc/self/limits; nothing is known without it.
 * @throws ConfigError
 */
export function checkOpenFiles(slots: number, limits = readLimits()): void {
  const mayHave = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  const needs = OWN + PER_SLOT * slots;
  if (needs <= mayHave) return;
  throw new ConfigError([
    `HYDRA_SLOTS is ${slots}, for which a worker may need ${needs} open files, and this one may have ${mayHave}; ` +
      'give fewer slots, or raise the limit (ulimit -n, LimitNOFILE=)',
  ]);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
