import { normaliseTask, type NewTask } from '../../../src/domain/task-input.ts';

/** What is wrong with an input: field → message, or several. */
export function faults(value: unknown, root?: string): Record<string, string> {
  const normalised = normaliseTask(value, root);
  if (normalised.ok) return {};
  const found = new Map<string, string[]>();
  for (const { field, message } of normalised.faults) found.set(field, [...(found.get(field) ?? []), message]);
  return Object.fromEntries([...found].map(([field, messages]) => [field, messages.join(' | ')]));
}

/** What is wrong with a command that is given these fields, too. */
export function faultsOfFields(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  return faults({ command: 'true', ...fields });
}

/** The task that comes of a command with these fields; throws when there are faults. */
export function taskOf(fields: Readonly<Record<string, unknown>>): NewTask {
  const normalised = normaliseTask({ command: 'true', ...fields });
  if (!normalised.ok) throw new Error(JSON.stringify(normalised.faults));
  return normalised.task;
}
