import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { LogStream } from '../../src/cli/up/log-stream.ts';

const LINE = JSON.stringify({
  level: 30,
  time: 0,
  name: 'worker',
  pid: 1,
  hostname: 'here',
  msg: 'hello',
  taskId: 'a',
});

function written(output: PassThrough): string {
  return (output.read() as Buffer | null)?.toString() ?? '';
}

test('a line of a process carries the name that it has in the cluster', () => {
  const output = new PassThrough();
  new LogStream(output, 'pretty').write('worker-1', LINE);
  expect(written(output)).toMatch(/^\[\d\d:\d\d:\d\d\.000\] INFO \(worker-1\): hello \{"taskId":"a"\}\n$/);
});

test('json: the same as one object a line', () => {
  const output = new PassThrough();
  new LogStream(output, 'json').write('worker-1', LINE);
  expect(JSON.parse(written(output))).toMatchObject({ level: 30, name: 'worker-1', msg: 'hello', taskId: 'a' });
});

test.each(['a crash of Node.js', '{"json": "but no log line"}', '17', 'null'])('%s is passed on, labelled', (text) => {
  const output = new PassThrough();
  new LogStream(output, 'pretty').write('scheduler', text);
  expect(written(output)).toMatch(/^\[.*\] .*\(scheduler\): /);
  new LogStream(output, 'json').write('scheduler', text);
  expect(JSON.parse(written(output))).toMatchObject({ name: 'scheduler', msg: text });
});

test('copies what a process writes, line by line', async () => {
  const output = new PassThrough();
  const input = new PassThrough();
  new LogStream(output, 'json').copy('worker-2', input);
  input.write('one\ntw');
  input.end('o\n\nthree');
  await once(input, 'close');
  const messages = written(output).trimEnd().split('\n');
  expect(messages.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['one', 'two', 'three']);
});

test('an output that nobody reads loses lines, and says how many once it is read again', async () => {
  const output = new PassThrough({ highWaterMark: 1 });
  const logs = new LogStream(output, 'json');
  const long = 'x'.repeat(1024);
  for (let i = 0; i < 2_000; i++) logs.write('worker-1', long);
  const kept = output.writableLength + output.readableLength;
  expect(kept).toBeLessThan(1.2 * 1024 * 1024);

  const lines: string[] = [];
  output.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split('\n')));
  await once(output, 'drain');
  const before = lines.length;
  logs.write('worker-1', 'read again');
  output.end();
  await once(output, 'end');
  const messages = lines.slice(before).map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(messages).toEqual([`${2_000 - before} log lines were dropped here`, 'read again']);
});

test('an output that is closed is not an error', () => {
  const output = new PassThrough();
  output.destroy();
  new LogStream(output, 'pretty').write('worker-1', LINE);
  expect(written(output)).toBe('');
});
