import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';

const PRELOAD = new URL('../../chaos/clock-step.mjs', import.meta.url).href;
const HOUR_MS = 3_600_000;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hydra-clock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Prints, every 20 ms, by how much each way to ask for the time differs from what a clock that is not touched says. */
const PROGRAM = `
  const trueMs = () => performance.timeOrigin + performance.now();
  setInterval(() => {
    const off = [Date.now(), new Date().getTime(), Date.parse(Date())].map((ms) => Math.round((ms - trueMs()) / 1000));
    const kept = new Date(5).getTime() === 5 && new Date(2020, 1).getFullYear() === 2020
      && new Date() instanceof Date && Date.UTC(1970, 0) === 0;
    console.log(JSON.stringify({ off, kept }));
  }, 20);
`;

test('a process sees its wall clock step while it runs, and nothing else changes', async () => {
  const file = join(folder, 'clock');
  writeFileSync(file, '0\n');
  const child = spawn(process.execPath, ['-e', PROGRAM], {
    env: { ...process.env, NODE_OPTIONS: `--import=${PRELOAD}`, CHAOS_CLOCK_FILE: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const untilOff = async (seconds: number) => {
      for (;;) {
        const { value } = (await lines.next()) as { value: string };
        const { kept, off } = JSON.parse(value) as { off: number[]; kept: boolean };
        expect(kept).toBe(true);
        if (off.every((by) => Math.abs(by - seconds) <= 1)) return;
      }
    };
    await untilOff(0);
    writeFileSync(file, `${-HOUR_MS}\n`);
    await untilOff(-3_600);
    writeFileSync(file, `${HOUR_MS}\n`);
    await untilOff(3_600);
    writeFileSync(file, '0\n');
    await untilOff(0);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});
