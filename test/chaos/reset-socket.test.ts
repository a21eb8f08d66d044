import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { resetSocket } from '../../chaos/reset-socket.ts';

async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return { near, far };
}

test('the other side sees a reset', async () => {
  const { far, near } = await pair();
  const seen = once(far, 'error');
  resetSocket(near);
  expect(await seen).toMatchObject([{ code: 'ECONNRESET' }]);
});

test('a connection that is just saying goodbye is closed all the same', async () => {
  const { far, near } = await pair();
  far.on('error', () => undefined);
  near.write('bye');
  near.end();
  // Rejects when there is an error.
  const closed = once(near, 'close');
  resetSocket(near);
  await closed;
  far.destroy();
});
