/** The fencing token: names one attempt of one task. */
export interface AttemptKey {
  readonly taskId: string;
  readonly attempt: number;
}

/** The two arrays that statements take as `unnest($n::uuid[], $m::int[])`. */
export function keyColumns(keys: readonly AttemptKey[]): [string[], number[]] {
  return [keys.map((k) => k.taskId), keys.map((k) => k.attempt)];
}

/** The same as one text, for maps and sets. */
export const keyOf = ({ attempt, taskId }: AttemptKey) => `${taskId} ${attempt}`;

/** Those of `all` that `some` do not name. */
export function without<T extends AttemptKey>(all: readonly T[], some: readonly AttemptKey[]): T[] {
  if (some.length === 0) return [...all];
  const keys = new Set(some.map(keyOf));
  return all.filter((key) => !keys.has(keyOf(key)));
}
