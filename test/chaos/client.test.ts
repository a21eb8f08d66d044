import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Client } from '../../chaos/client.ts';

let server: Server;
afterEach(() => server.close());

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const { signal } = new AbortController();

test('asks until it is answered', async () => {
  let asked = 0;
  const url = await serve((_request, response) => {
    asked += 1;
    response.writeHead(asked === 1 ? 503 : 201).end(JSON.stringify({ task_id: 'it' }));
  });
  expect(await new Client(() => url, signal, 60_000).submit([{}])).toEqual(['it']);
  expect(asked).toBe(2);
});

test('gives up what nobody serves, so that a run ends whatever it runs', async () => {
  const url = await serve((_request, response) => response.writeHead(503).end('{"code":"unavailable"}'));
  await expect(new Client(() => url, signal, 100).submit([{}])).rejects.toThrow(
    'POST /schedule was not served for 0.1 s; the answer is 503: {"code":"unavailable"}',
  );
});
