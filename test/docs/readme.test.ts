import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { welcome } from '../../src/cli/up/welcome.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { buildApp } from '../../src/scheduler/app.ts';
import { buildServices, type App } from '../../src/scheduler/services.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

let database: TestDatabase;
let app: App;
beforeAll(async () => {
  database = await createTestDatabase();
  const logger = createLogger('test', { level: 'silent', format: 'json' });
  app = await buildApp(buildServices(database.pool, logger), { logger, allowedHosts: [] });
});
afterAll(async () => {
  await app.close();
  await database.close();
});

describe('README.md', () => {
  test('has what hydra up says to try', () => {
    const text = welcome({
      restUrl: 'http://127.0.0.1:5000',
      grpcAddress: '127.0.0.1:5001',
      workers: 2,
      slots: 4,
      dataFolder: '.hydra',
    });
    const commands = /^ {2}task=.*\n(?: {2}.*\n)+/m.exec(text)?.[0] ?? 'no commands';
    expect(README).toContain(commands.replaceAll(/^ {2}/gm, ''));
  });

  test('has every route and no other', async () => {
    const { routes } = (await app.inject('/')).json<{ routes: Record<string, string> }>();
    const told = [...README.matchAll(/^\| `((?:GET|POST|DELETE) [^`]+)` \|/gm)].map(([, route = '']) => route);
    expect(told.sort()).toEqual(Object.keys(routes).sort());
  });

  test('shows an error as it is', async () => {
    const body = { command: 'echo hello', scheduled_at: '2030-02-30', priority: 1000 };
    const response = await app.inject({ method: 'POST', url: '/schedule', body });
    expect(README).toContain(JSON.stringify(response.json(), null, 2));
  });

  test('shows a task with the fields that it has', async () => {
    const submitted = await app.inject({ method: 'POST', url: '/schedule', body: { command: 'echo hello' } });
    const { task_id: id } = submitted.json<{ task_id: string }>();
    const task = (await app.inject(`/schedule/${id}`)).json<object>();
    const told = /^The third line answers.*?```json\n(.*?)```/ms.exec(README)?.[1] ?? '{}';
    expect(Object.keys(JSON.parse(told) as object)).toEqual(Object.keys(task));
  });
});

describe('links of the documentation', () => {
  const pages = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ];

  test.each(pages)('%s', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((l) => !/^\w+:/.test(l));
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !headingsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** The anchors that a reader of Markdown makes from headings. */
function headingsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  );
}
