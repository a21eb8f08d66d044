/** What a cluster consists of, by name. */
export interface Shape {
  readonly client: string;
  readonly scheduler: string;
  readonly coordinators: readonly string[];
  readonly workers: readonly string[];
  readonly postgres: string;
  readonly leaseMs: number;
}

/** Two coordinators and four workers. */
export function clusterShape(leaseMs: number): Shape {
  return {
    client: 'client',
    scheduler: 'scheduler',
    coordinators: ['coordinator-1', 'coordinator-2'],
    workers: ['worker-1', 'worker-2', 'worker-3', 'worker-4'],
    postgres: 'postgres',
    leaseMs,
  };
}
