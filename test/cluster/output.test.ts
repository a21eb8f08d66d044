import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bytesOf, eventsOf } from '../scheduler/support/followed.ts';
import { clusterForEachTest } from '../support/cluster-for-each-test.ts';
import { allEnded, submitBatch } from '../support/rest-client.ts';

/* What commands write, from a real command to a real client, with everything real in between. */

const fixture = clusterForEachTest();

/** Where a command puts a copy of what it writes. */
function copyFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hydra-output-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'copy');
}

const outputUrl = (url: string, id: string, query: string) => `${url}/schedule/${id}/output?${query}`;

async function bytes(url: string): Promise<Buffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

test('bytes that are no text come out as they went in, followed or read afterwards', async () => {
  const { schedulerUrl } = await fixture.start({ workers: 1 });
  const copy = copyFile();
  const [id = ''] = await submitBatch(schedulerUrl, [
    { command: `head -c 3000000 /dev/urandom | tee ${copy}`, output_limit_bytes: 8_000_000 },
  ]);
  const followed = await bytes(outputUrl(schedulerUrl, id, 'follow=1'));
  const written = readFileSync(copy);
  expect(followed.equals(written)).toBe(true);
  expect((await bytes(outputUrl(schedulerUrl, id, 'stream=all'))).equals(written)).toBe(true);
  expect((await bytes(outputUrl(schedulerUrl, id, 'stream=stdout&tail=70000'))).equals(written.subarray(-70_000))).toBe(
    true,
  );
});

test('both streams are followed while coordinators die: nothing is lost, nothing comes twice', async () => {
  const { schedulerUrl, coordinators } = await fixture.start({
    coordinators: 2,
    workers: 1,
    env: { HYDRA_LEASE_MS: '4000' },
  });
  const lines = 300;
  const command = `i=0; while [ $i -lt ${lines} ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); sleep 0.02; done`;
  const [id = ''] = await submitBatch(schedulerUrl, [{ command }]);
  const response = await fetch(outputUrl(schedulerUrl, id, 'follow=1'), { headers: { accept: 'text/event-stream' } });
  const told = { stdout: '', stderr: '' };
  let end: unknown;
  let killed = 0;
  for await (const event of eventsOf(response)) {
    if (event.event === 'end') end = event.data;
    if (event.event !== 'output') continue;
    told[event.data.stream as 'stdout' | 'stderr'] += bytesOf(event).toString();
    // Each in turn, and another one in the place of the first.
    if (killed < 2 && told.stdout.includes(`out ${50 + 100 * killed}\n`)) {
      const victim = coordinators[killed++]!;
      await fixture.cluster.kill(victim, 'SIGKILL');
      const port = victim.details.address?.split(':').at(-1) ?? '';
      if (killed === 1) await fixture.cluster.startCoordinator({ HYDRA_GRPC_PORT: port });
    }
  }
  expect(end).toMatchObject({ attempt: 1, state: 'completed', exit_code: 0 });
  expect(killed).toBe(2);
  const wanted = (name: string) => Array.from({ length: lines }, (_, i) => `${name} ${i}\n`).join('');
  expect(told).toEqual({ stdout: wanted('out'), stderr: wanted('err') });
  expect((await bytes(outputUrl(schedulerUrl, id, 'stream=stderr'))).toString()).toBe(wanted('err'));
}, 120_000);

test('of more than the limit the first and the last bytes are kept, and secrets nowhere', async () => {
  const { schedulerUrl } = await fixture.start({ workers: 1 });
  const secret = 's3cr3t-0123456789';
  const [id = ''] = await submitBatch(schedulerUrl, [
    {
      // Cut in two in the middle of a secret by a pause that is shorter than what it is waited for.
      command: `printf s3cr3t-01; sleep 0.05; printf '23456789\\n'; seq 1 200000; echo "$TOKEN" >&2; echo the end`,
      secret_env: { TOKEN: secret },
      output_limit_bytes: 100_000,
    },
  ]);
  await allEnded(schedulerUrl, [id]);
  const whole = `***\n${Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join('')}***\nthe end\n`;
  const all = await fetch(outputUrl(schedulerUrl, id, 'stream=all'));
  const text = await all.text();
  expect(text.length).toBe(100_000);
  expect(text.slice(0, 50_000)).toBe(whole.slice(0, 50_000));
  // Written at once to two pipes, so that either may be read first.
  expect(['***\nthe end\n', 'the end\n***\n']).toContain(text.slice(-12));
  expect(Number(all.headers.get('x-hydra-total-bytes'))).toBe(whole.length);
  expect(all.headers.get('x-hydra-gap-at')).toBe('50000');
  const { rows } = await fixture.database.pool.query<{ bytes: number; secret: boolean }>(
    `SELECT sum(octet_length(data))::int AS bytes, bool_or(position($1::bytea IN data) > 0) AS secret FROM output_chunks`,
    [Buffer.from(secret)],
  );
  expect(rows).toEqual([{ bytes: 100_000, secret: false }]);
});
