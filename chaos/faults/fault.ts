import type { Client } from '../client.ts';
import type { Cluster } from '../cluster.ts';
import type { InjectedFault } from '../events.ts';
import type { Postgres } from '../postgres.ts';
import type { Random } from '../random.ts';
import type { Recovery } from '../recovery.ts';
import type { Shape } from '../shape.ts';

/** The part of the system that a fault hits. Faults that overlap in time hit different ones. */
export type Area = 'worker' | 'coordinator' | 'scheduler' | 'sessions' | 'database' | 'clock' | 'everything';

/** What a fault can act upon while it is brought about. */
export interface World {
  readonly shape: Shape;
  readonly cluster: Cluster;
  readonly postgres: Postgres;
  readonly client: Client;
  readonly recovery: Recovery;
  /** How long a process may take to stop. */
  readonly stopTimeoutMs: number;
  /** Rejects when the run is called off. */
  readonly pause: (ms: number) => Promise<void>;
}

/** What came of it; `recovered` is an instant by `Date.now()`, `null` when it never was. */
export interface Brought extends Pick<InjectedFault, 'beganMs' | 'healedMs' | 'mayCost' | 'recovery'> {
  readonly recovered: Promise<number | null>;
  /** From when the recovery counts. */
  readonly countsFrom: 'began' | 'healed';
  /** It found nothing there to recover, so how soon it did says nothing. */
  readonly idle?: boolean;
}

/** A fault as it was drawn. */
export interface FaultDraft {
  readonly area: Area;
  /** What it is done to, such as `worker-2`. */
  readonly target: string;
  /** From its beginning until it is undone; of what has to end by itself, about so long. */
  readonly lastsMs: number;
  /** What else was drawn, in words. */
  readonly note: string;
  /** Does it and undoes it. */
  readonly bring: (world: World) => Promise<Brought>;
}

export interface DrawOptions {
  readonly shape: Shape;
  /** The run is long enough for outages of half a minute. */
  readonly patient: boolean;
}

export interface FaultKind {
  readonly name: string;
  readonly description: string;
  /** It breaks what Hydra rests on: docs/guarantees.md names it as a limit. Left out unless it is asked for. */
  readonly beyondLimits?: true;
  /** PostgreSQL needs a disk of its own. */
  readonly needsDisk?: true;
  readonly draw: (random: Random, options: DrawOptions) => FaultDraft;
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
