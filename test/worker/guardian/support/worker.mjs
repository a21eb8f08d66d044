import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Guardian } from '../../../../dist/worker/guardian/guardian.js';
import { setWorkerMark } from '../../../../dist/worker/guardian/worker-mark.js';

// A worker reduced to its guardian: does over IPC what the test says, and is there to be killed.
const log = () => undefined;
const workerMark = await setWorkerMark();
const guardian = new Guardian({ logger: { warn: log, error: log }, cgroup: process.env.CGROUP ?? null, workerMark });
const commands = new Map();

async function run({ key, script, allowBackground }) {
  const argv = [...(await guardian.prefix(key, {})), '/bin/sh', '-c', script];
  const command = spawn(argv[0], argv.slice(1), {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...guardian.environment(key, allowBackground) },
  });
  guardian.begin(key, command.pid);
  commands.set(key, once(command, 'exit'));
}

const actions = {
  run,
  exited: ({ key }) => commands.get(key),
  end: ({ key, spareBackground }) => guardian.end(key, { spareBackground }),
  mark: () => workerMark,
};

process.on('message', async ({ id, action, ...parameters }) => {
  process.send({ kind: 'answer', id, value: (await actions[action](parameters)) ?? null });
});
await guardian.start();
process.send({ kind: 'ready' });
