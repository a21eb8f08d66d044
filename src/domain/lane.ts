/**
 * A lane is a queue together with the labels its tasks require. Tasks of one lane can be run by the same workers,
 * so a coordinator claims lane by lane and never has to read past tasks that none of its workers may run.
 */

/** `key → value`; a worker must carry each with the same value. */
export type Labels = Readonly<Record<string, string>>;

export interface Lane {
  readonly queue: string;
  readonly labels: Labels;
}

/** What a worker can run. */
export interface Abilities {
  /** `*` serves every queue. */
  readonly queues: readonly string[];
  readonly labels: Labels;
}

/** Most labels a worker may carry. */
export const MAX_WORKER_LABELS = 64;

export const DEFAULT_QUEUE = 'default';

/** Names of queues, and keys and values of labels; none of the characters that join them in a lane. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$';
export const NAME_HINT = 'give 1 to 63 characters of A-Z a-z 0-9 . _ : / -, the first a letter or a digit';

/** The one text for a queue and labels, whatever the order of the labels: `default`, `gpu,region=eu,type=a100`. */
export function formatLane(lane: Lane): string {
  const pairs = Object.entries(lane.labels).map(([key, value]) => `${key}=${value}`);
  return [lane.queue, ...pairs.sort()].join(',');
}

/** The reverse of {@link formatLane}. */
export function parseLane(text: string): Lane {
  const [queue = '', ...pairs] = text.split(',');
  const labels: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    labels[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { queue, labels };
}

/** Whether a worker may run the tasks of a lane. */
export function canRun(worker: Abilities, lane: Lane): boolean {
  if (!worker.queues.includes('*') && !worker.queues.includes(lane.queue)) return false;
  return Object.entries(lane.labels).every(([key, value]) => worker.labels[key] === value);
}
