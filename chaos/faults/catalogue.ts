import { CLOCK_FAULTS } from './clock-faults.ts';
import { COORDINATOR_FAULTS } from './coordinator-faults.ts';
import type { FaultKind } from './fault.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { POSTGRES_FAULTS } from './postgres-faults.ts';
import { SCHEDULER_FAULTS } from './scheduler-faults.ts';
import { WORKER_FAULTS } from './worker-faults.ts';

/** Every kind of fault that there is. */
export const FAULT_KINDS: readonly FaultKind[] = [
  ...WORKER_FAULTS,
  ...COORDINATOR_FAULTS,
  ...SCHEDULER_FAULTS,
  ...LINK_FAULTS,
  ...POSTGRES_FAULTS,
  ...CLOCK_FAULTS,
];
