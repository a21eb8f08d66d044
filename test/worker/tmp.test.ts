import { createServer, type Socket } from 'node:net';
import { test, onTestFinished } from 'vitest';
import { ScriptedCoordinator } from './support/scripted-coordinator.ts';
import { startWorker } from './support/test-worker.ts';
test('silent listener, then silent coordinator', async () => {
  const socks: Socket[] = [];
  const server = createServer((s) => { socks.push(s); s.on('error', () => undefined); });
  const port = await new Promise<number>((r) => server.listen(0, '127.0.0.1', () => r((server.address() as { port: number }).port)));
  onTestFinished(() => { server.close(); socks.forEach((s) => s.destroy()); });
  const mute = await ScriptedCoordinator.start();
  const good = await ScriptedCoordinator.start();
  const t = performance.now();
  const { started, logged } = startWorker([{ address: `127.0.0.1:${port}` }, mute, good]);
  await (await good.session()).heard('register').catch(() => undefined);
  await (await good.session()).accept();
  await started;
  console.log(performance.now() - t, logged.map((l) => JSON.stringify(l)).join('\n'));
}, 60_000);
