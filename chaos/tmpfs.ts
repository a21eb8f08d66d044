import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILL_TRIES = 50;

/** Whether this process may mount file systems, as root can on most machines and in few containers. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'hydra-chaos-mount-'));
  try {
    const disk = new Tmpfs(folder);
    disk.mount(1);
    disk.unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file system of its own whose size can be changed, so that a disk can be full for a while. */
export class Tmpfs {
  /** 0: not mounted. */
  #sizeMib = 0;

  constructor(private readonly folder: string) {}

  /** @throws Error with what `mount` says. */
  mount(sizeMib: number): void {
    mkdirSync(this.folder, { recursive: true });
    run('mount', '-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=711`, 'hydra-chaos', this.folder);
    this.#sizeMib = sizeMib;
  }

  /** Leaves nothing free. */
  fill(): void {
    for (let tries = 1; ; tries++) {
      const { bsize, blocks, bfree } = statfsSync(this.folder);
      try {
        run('mount', '-o', `remount,size=${(blocks - bfree) * bsize}`, this.folder);
        return;
      } catch (error) {
        // It cannot be made smaller than it is, and somebody has just written.
        if (tries === FILL_TRIES) throw error;
      }
    }
  }

  empty(): void {
    run('mount', '-o', `remount,size=${this.#sizeMib}m`, this.folder);
  }

  /** At once for everybody else; what still has files open there keeps them. */
  unmount(): void {
    if (this.#sizeMib > 0) run('umount', '--lazy', this.folder);
    this.#sizeMib = 0;
  }
}

function run(program: string, ...args: string[]): void {
  const { error, status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
