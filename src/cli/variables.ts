import { Help } from 'commander';
import { coordinatorVariables } from '../coordinator/config.ts';
import { nearest } from '../domain/nearest.ts';
import type { Environment, Variables } from '../runtime/config.ts';
import { schedulerVariables } from '../scheduler/config.ts';
import { workerVariables } from '../worker/config.ts';
import { migrateVariables } from './migrate-config.ts';
import { upVariables } from './up/config.ts';

/** The environment variables that each command reads. */
export const commandVariables = {
  up: upVariables,
  scheduler: schedulerVariables,
  coordinator: coordinatorVariables,
  worker: workerVariables,
  migrate: migrateVariables,
} satisfies Record<string, Variables>;

export type ConfiguredCommand = keyof typeof commandVariables;

/** A variable as people read about it. */
export interface VariableEntry {
  readonly name: string;
  readonly description: string;
  /** As it would be given; empty when there is none. */
  readonly defaultValue: string;
}

export function listVariables(command: ConfiguredCommand): VariableEntry[] {
  const variables: Variables = commandVariables[command];
  return Object.entries(variables).map(([name, { desc, default: value }]) => ({
    name,
    description: desc ?? '',
    defaultValue: formatDefault(value),
  }));
}

function formatDefault(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([key, item]) => `${key}=${String(item)}`)
      .join(',');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The variables of a command for its help, `width` columns wide. */
export function describeVariables(command: ConfiguredCommand, width: number): string {
  const help = new Help();
  help.prepareContext({ helpWidth: width });
  const variables = listVariables(command);
  const nameWidth = Math.max(...variables.map(({ name }) => name.length));
  const items = variables.map(({ name, description, defaultValue }) => {
    const text = defaultValue === '' ? description : `${description} (default: ${defaultValue})`;
    return help.formatItem(name, nameWidth, text, help);
  });
  return ['', 'Environment variables:', ...items].join('\n');
}

/** A sentence for each variable that looks like Hydra's and is not read by any command. */
export function unknownVariables(env: Environment): string[] {
  const known = [...new Set(Object.values(commandVariables).flatMap((variables) => Object.keys(variables)))];
  const unknown = Object.keys(env).filter((name) => name.startsWith('HYDRA_') && !known.includes(name));
  return unknown.map((name) => {
    const meant = nearest(name, known);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return `${name} is not a variable of Hydra and has no effect${hint}`;
  });
}
