import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { dial } from '../../src/worker/dial.ts';

test('a connection to one that is halted is closed with its client', async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = dial(`127.0.0.1:${port}`);
  const call = client.standing({}, () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const closed = once(socket, 'close');
  await once(socket, 'data'); // and it never says anything itself
  call.cancel();
  client.close();
  expect(await closed).toBeDefined();
});
