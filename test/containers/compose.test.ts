import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandVariables, unknownVariables } from '../../src/cli/variables.ts';
import { databaseVariables } from '../../src/runtime/config.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const compose = read('docker-compose.yml').replaceAll(/^ *#.*\n/gm, '');
const example = read('.env.example');

/** The lines of a service, or of any other block that begins with `name:`. */
function block(name: string): string {
  const lines = compose.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^ *${name}:( |$)`).test(line));
  const indent = lines[start]!.search(/\S/);
  const rest = lines.slice(start + 1);
  const length = rest.findIndex((line) => line !== '' && line.search(/\S/) <= indent);
  return rest.slice(0, length === -1 ? undefined : length).join('\n');
}

/** Names of the variables that a block gives to its container. */
const given = (text: string) => [...text.matchAll(/^ +([A-Z][A-Z_]+):/gm)].map(([, name]) => name!);

/** What compose takes from .env, with the default that it falls back to. */
const interpolated = new Map(
  [...compose.matchAll(/\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)\}/g)].map(([, name, usual]) => [name!, usual ?? '']),
);

describe('docker-compose.yml', () => {
  it('sets only variables that Hydra has', () => {
    expect(given(compose)).toContain('HYDRA_COORDINATORS');
    expect(unknownVariables(Object.fromEntries(given(compose).map((name) => [name, 'x'])))).toEqual([]);
  });

  it.each(['scheduler', 'coordinator', 'worker'] as const)('gives %s only variables that it reads', (service) => {
    const own = given(block(service));
    expect(own.length).toBeGreaterThan(2);
    expect(Object.keys(commandVariables[service])).toEqual(expect.arrayContaining(own));
  });

  it('keeps the database from workers', () => {
    const worker = block('worker');
    expect(given(worker).filter((name) => name in databaseVariables)).toEqual([]);
    expect(worker).not.toMatch(/\*database|\*password|POSTGRES|networks:|env_file/);
    expect(block('scheduler')).toMatch(/\*database/);
  });

  it('publishes ports on the loopback address only', () => {
    const published = [...compose.matchAll(/ports: \[(.*)\]/g)].map(([, ports]) => ports);
    expect(published).toHaveLength(2);
    for (const ports of published) expect(ports).toMatch(/^'127\.0\.0\.1:[^,]*'$/);
    expect(compose.match(/ports:/g)).toHaveLength(2);
  });
});

describe('.env.example', () => {
  const settings = new Map([...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));

  it('names each setting of docker-compose.yml with its default', () => {
    expect(Object.fromEntries(settings)).toEqual(Object.fromEntries(interpolated));
  });

  it('has no password of its own', () => {
    expect(settings.get('POSTGRES_PASSWORD')).toBe('');
    expect(compose).toMatch(/POSTGRES_PASSWORD: &password \$\{POSTGRES_PASSWORD:\?/);
  });
});
