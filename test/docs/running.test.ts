import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { normaliseTask, TaskInput } from '../../src/domain/task-input.ts';
import { judgeByPolicy } from '../../src/worker/policy.ts';
import { parsePolicy } from '../../src/worker/read-policy.ts';

const PAGE = readFileSync(new URL('../../docs/running.md', import.meta.url), 'utf8');
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** Bodies of `curl … /schedule … -d '…'`. */
const submissions = (page: string) =>
  [...page.matchAll(/\/schedule -H 'content-type: application\/json' -d '([^']*)'/g)].map(([, body = '']) => body);

describe('docs/running.md', () => {
  test('names every field of a task, with the README', () => {
    const isNamed = (name: string) => new RegExp(`\`${name}[\`.]`).test(PAGE + README);
    expect(Object.keys(TaskInput.properties).filter((name) => !isNamed(name))).toEqual([]);
  });

  test('names no field of a task that there is not', () => {
    const tables = PAGE.match(/^\| Field .*\n(?:\|.*\n)+/gm) ?? [];
    const named = tables.flatMap((table) =>
      table.split('\n').flatMap((row) => (row.split('|')[1]?.match(/`[a-z_0-9.]+`/g) ?? []).map((n) => n.slice(1, -1))),
    );
    const known = Object.keys(TaskInput.properties);
    const limits = ['memory_bytes', 'processes', 'open_files', 'cpu_seconds'].map((name) => `limits.${name}`);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => ![...known, ...limits].includes(name))).toEqual([]);
  });

  test.each([...submissions(PAGE), ...submissions(README)])('submits what is accepted: %s', (body) => {
    expect(normaliseTask(JSON.parse(body))).toMatchObject({ ok: true });
  });

  test('shows a policy that does what its rules are called', () => {
    const policy = parsePolicy(/^```json\n(.*?)```/ms.exec(PAGE)?.[1] ?? '', 'docs/running.md');
    const verdict = (text: string, user = 'node') => judgeByPolicy(policy, { text, user });
    expect(verdict('true; sudo ls')).toMatchObject({ rule: 'no-sudo' });
    expect(verdict('rm -rf /var')).toMatchObject({ rule: 'no-rm-root' });
    expect(verdict('ls', 'backup')).toMatchObject({ rule: 'backup-only-scripts' });
    expect([verdict('/opt/backup/all', 'backup'), verdict('ls')]).toEqual([{ allowed: true }, { allowed: true }]);
  });
});
