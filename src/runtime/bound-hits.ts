import { Counter, type Registry } from 'prom-client';

/** The counter of a process for the bounds in docs/architecture.md; each of `bounds` starts at 0. */
export function countBoundHits(registry: Registry, bounds: readonly string[]): Counter<'bound'> {
  const counter = new Counter({
    name: 'hydra_bound_hits_total',
    help: 'Times a bound held something up or dropped something, by bound.',
    labelNames: ['bound'] as const,
    registers: [registry],
  });
  for (const bound of bounds) counter.inc({ bound }, 0);
  return counter;
}
