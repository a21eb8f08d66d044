import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine. */
export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes, this one excepted, for which a file of /proc contains `text`. Empty where there is no /proc. */
function findProcesses(file: 'environ' | 'cmdline', text: string): RunningProcess[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const content = readFileSync(`/proc/${name}/${file}`, 'utf8').replaceAll('\0', ' ');
        if (!content.includes(text)) return [];
        return [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        return []; // Gone in the meantime, or somebody else's.
      }
    });
}

/** Every process whose environment has `marker`: whatever was started, by whomever, on behalf of a test. */
export const findMarked = (marker: string) => findProcesses('environ', marker);

/** Every process whose arguments, joined by blanks, contain `text`. */
export const findByCommand = (text: string) => findProcesses('cmdline', text);

/** Waits for the processes that `find` finds to be gone; kills them and throws when they are not by then. */
export async function untilGone(find: () => RunningProcess[], timeoutMs = 20_000): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; ;) {
    const left = find();
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      for (const { pid } of left) tryKill(pid);
      throw new Error(`processes are left over:\n${left.map(({ pid, command }) => `${pid} ${command}`).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone in the meantime.
  }
}
