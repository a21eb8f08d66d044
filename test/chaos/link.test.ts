import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Link } from '../../chaos/link.ts';
import { Ports } from '../../chaos/ports.ts';

/** What does not come by then does not come: what goes through an unbroken link takes a millisecond. */
const NEVER_MS = 150;

let server: Server;
let link: Link;
let accepted: Socket[];
let received: string;
const clients: Socket[] = [];

/** Answers each piece with itself in capitals. */
async function listen(port: number): Promise<void> {
  server = createServer((socket) => {
    accepted.push(socket);
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.on('data', (text: string) => {
      received += text;
      socket.write(text.toUpperCase());
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

beforeEach(async () => {
  accepted = [];
  received = '';
  await listen(0);
  link = new Link('client→server', await new Ports().next(), (server.address() as AddressInfo).port);
  link.open();
  await vi.waitFor(() => dial());
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  link.close();
  server.close();
});

interface Client {
  readonly socket: Socket;
  /** All that it was sent. */
  text: string;
  /** How the connection ended, if it has. */
  end: string | undefined;
}

async function dial(): Promise<Client> {
  const socket = connect(link.port, '127.0.0.1');
  const client: Client = { socket, text: '', end: undefined };
  socket.setEncoding('utf8').on('data', (text: string) => (client.text += text));
  socket.on('error', (error: NodeJS.ErrnoException) => (client.end = error.code));
  socket.on('close', () => (client.end ??= 'closed'));
  await once(socket, 'connect');
  clients.push(socket);
  return client;
}

async function says(client: Client, text: string): Promise<void> {
  client.text = '';
  client.socket.write(text);
  await vi.waitFor(() => expect(client.text).toBe(text.toUpperCase()));
}

test('what is sent goes through, and so does the end of either side', async () => {
  const client = await dial();
  await says(client, 'hello');
  accepted.at(-1)?.end();
  await vi.waitFor(() => expect(client.end).toBe('closed'));

  const other = await dial();
  await says(other, 'x');
  other.socket.destroy();
  await vi.waitFor(() => expect(accepted.at(-1)?.destroyed).toBe(true));
});

test('a cut resets both sides, and the next connection goes through', async () => {
  const client = await dial();
  await says(client, 'hello');
  link.cut();
  await vi.waitFor(() => expect(client.end).toBe('ECONNRESET'));
  await vi.waitFor(() => expect(accepted.at(-1)?.destroyed).toBe(true));
  await says(await dial(), 'again');
});

test('refused connections find nobody listening, until the link is mended', async () => {
  const client = await dial();
  await says(client, 'hello');
  link.break({ kind: 'refuse' });
  await vi.waitFor(() => expect(client.end).toBe('ECONNRESET'));
  await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  link.mend();
  await vi.waitFor(async () => says(await dial(), 'again'));
});

test('a half-open link swallows what is sent, for good, while sockets stay open', async () => {
  const client = await dial();
  await says(client, 'before');
  link.break({ kind: 'half-open', afterwards: 'reset' });
  const late = await dial();
  client.text = '';
  client.socket.write('lost');
  late.socket.write('lost');
  await delay(NEVER_MS);
  expect([client.text, client.end, late.text, late.end, received]).toEqual(['', undefined, '', undefined, 'before']);
  link.mend();
  await vi.waitFor(() => expect([client.end, late.end]).toEqual(['ECONNRESET', 'ECONNRESET']));
  await says(await dial(), 'again');
});

test('dead connections may stay dead after the link is mended, until one side ends them', async () => {
  const client = await dial();
  await says(client, 'before');
  const other = accepted.at(-1);
  link.break({ kind: 'half-open', afterwards: 'stay dead' });
  link.mend();
  await says(await dial(), 'new ones work');
  client.text = '';
  client.socket.write('lost');
  await delay(NEVER_MS);
  expect([client.text, client.end]).toEqual(['', undefined]);
  other?.destroy();
  await vi.waitFor(() => expect(client.end).toBe('ECONNRESET'));
});

test('what is stalled arrives late, in order', async () => {
  const client = await dial();
  await says(client, 'before ');
  link.break({ kind: 'stall', direction: 'both' });
  client.text = '';
  client.socket.write('one ');
  await delay(NEVER_MS);
  client.socket.write('two');
  expect(received).toBe('before ');
  link.mend();
  await vi.waitFor(() => expect(client.text).toBe('ONE TWO'));
});

test('a stall in one direction leaves the other one alone', async () => {
  const client = await dial();
  await says(client, 'before ');
  link.break({ kind: 'stall', direction: 'to the client' });
  client.text = '';
  client.socket.write('heard');
  await vi.waitFor(() => expect(received).toBe('before heard'));
  await delay(NEVER_MS);
  expect(client.text).toBe('');
  link.mend();
  await vi.waitFor(() => expect(client.text).toBe('HEARD'));
});

test('a slow link delays each direction and bounds the bandwidth', async () => {
  const client = await dial();
  link.break({ kind: 'slow', slowness: { latencyMs: 50, jitterMs: 20, bytesPerSecond: 100_000 } });
  const began = performance.now();
  await says(client, 'x'.repeat(10_000));
  // Twice the latency, and 10 kB in each direction.
  expect(performance.now() - began).toBeGreaterThan(2 * 50 + 2 * 90);
  link.mend();
  await says(client, 'fast');
});

test('whoever floods a link that is stalled is slowed down, and nothing is lost', async () => {
  const client = await dial();
  link.break({ kind: 'stall', direction: 'both' });
  const sent = 'y'.repeat(8_000_000);
  const flushed = client.socket.write(sent);
  expect(flushed).toBe(false);
  await delay(NEVER_MS);
  expect(client.socket.writableLength).toBeGreaterThan(0);
  link.mend();
  await vi.waitFor(() => expect(client.text.length).toBe(sent.length), 5_000);
});

test('it listens only while its target does', async () => {
  await says(await dial(), 'hello');
  const port = link.targetPort;
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of accepted) socket.destroy();
  await closed;
  link.targetGone();
  await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await listen(port);
  await vi.waitFor(async () => says(await dial(), 'again'));
});
