/** The fencing token: names one attempt of one task. */
export interface AttemptKey {
  readonly taskId: string;
  readonly attempt: number;
}

/** The two arrays that statements take as `unnest($n::uuid[], $m::int[])`. */
export function keyColumns(keys: readonly AttemptKey[]): [string[], number[]] {
  return [keys.map((k) => k.taskId), keys.map((k) => k.attempt)];
}
