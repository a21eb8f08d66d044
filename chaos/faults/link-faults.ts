import type { LinkFault } from '../link.ts';
import type { Random } from '../random.ts';
import type { Shape } from '../shape.ts';
import { seconds, type Area, type Brought, type FaultDraft, type FaultKind, type World } from './fault.ts';
import { haltMs } from './worker-faults.ts';

/** Links that fail together. */
interface Section {
  readonly area: Area;
  readonly target: string;
  readonly links: readonly string[];
  /** Workers, by name, that can reach no coordinator then. */
  readonly isolated: readonly string[];
  /** Workers, by name, whose sessions it concerns. */
  readonly concerned: readonly string[];
}

/** The network between the parts. */
export const LINK_FAULTS: readonly FaultKind[] = [
  {
    name: 'link-cut',
    description: 'connections are reset, once',
    draw: (random, { shape }) => {
      const section = random.pick([...sessions(random, shape), ...others(shape)]);
      return {
        ...place(section),
        lastsMs: 0,
        note: '',
        bring: (world) =>
          without(world, section, [], () => {
            for (const name of section.links) world.cluster.link(name).cut();
            return Promise.resolve();
          }),
      };
    },
  },
  {
    name: 'link-refuse',
    description: 'nobody listens, for a while',
    // Not for sessions: whoever refuses a worker while it lives breaks what Hydra rests on.
    draw: (random, { shape }) => broken(random, shape, random.pick(others(shape)), { kind: 'refuse' }),
  },
  {
    name: 'link-half-open',
    description: 'sockets stay open, and what is sent is lost',
    draw: (random, { shape }) => {
      const section = random.pick([...sessions(random, shape), ...others(shape)]);
      // What hangs in a dead connection to PostgreSQL is given up after 35 s, and until then the next faults would add
      // to this one.
      const lingers = section.area === 'sessions' && random.chance(0.5);
      return broken(random, shape, section, { kind: 'half-open', afterwards: lingers ? 'stay dead' : 'reset' });
    },
  },
  {
    name: 'link-stall',
    description: 'nothing arrives for a while, and then all of it',
    draw: (random, { shape }) => {
      const section = random.pick([...sessions(random, shape), ...others(shape)]);
      return broken(random, shape, section, { kind: 'stall', direction: 'both' });
    },
  },
  {
    name: 'link-one-way',
    description: 'nothing arrives in one direction for a while, and then all of it',
    draw: (random, { shape }) => {
      const section = random.pick([...sessions(random, shape), ...others(shape)]);
      const direction = random.pick(['to the server', 'to the client'] as const);
      return broken(random, shape, section, { kind: 'stall', direction });
    },
  },
  {
    name: 'link-slow',
    description: 'latency, jitter and little bandwidth',
    draw: (random, { shape }) => {
      const section = random.pick([...sessions(random, shape), ...others(shape)]);
      // Slow for a heartbeat, and yet in time.
      const latencyMs = random.integer(10, 0.05 * shape.leaseMs);
      const jitterMs = random.integer(0, 0.05 * shape.leaseMs);
      const bytesPerSecond = random.integer(200_000, 2_000_000);
      return broken(random, shape, section, { kind: 'slow', slowness: { latencyMs, jitterMs, bytesPerSecond } });
    },
  },
  {
    name: 'session-refuse',
    description: 'coordinators that are alive refuse a worker, as a firewall does',
    beyondLimits: true,
    draw: (random, { shape }) => broken(random, shape, random.pick(sessions(random, shape)), { kind: 'refuse' }),
  },
];

/** A link between a worker and a coordinator, all of a worker's, and all of a coordinator's. */
function sessions(random: Random, { coordinators, workers }: Shape): Section[] {
  const worker = random.pick(workers);
  const coordinator = random.pick(coordinators);
  const section = (target: string, from: readonly string[], to: readonly string[]): Section => ({
    area: 'sessions',
    target,
    links: from.flatMap((w) => to.map((c) => `${w}→${c}`)),
    isolated: to.length === coordinators.length ? from : [],
    concerned: from,
  });
  return [
    section(`${worker}→${coordinator}`, [worker], [coordinator]),
    section(`${worker}→all coordinators`, [worker], coordinators),
    section(`all workers→${coordinator}`, workers, [coordinator]),
  ];
}

function others({ client, coordinators, postgres, scheduler }: Shape): Section[] {
  const section = (area: Area, target: string, links: readonly string[]): Section => ({
    ...{ area, target, links },
    isolated: [],
    concerned: [],
  });
  const toPostgres = [scheduler, ...coordinators].map((from) => `${from}→${postgres}`);
  return [
    section('scheduler', `${client}→${scheduler}`, [`${client}→${scheduler}`]),
    section('scheduler', `${scheduler}→${postgres}`, [`${scheduler}→${postgres}`]),
    section('database', `all→${postgres}`, toPostgres),
  ];
}

const place = ({ area, target }: Section) => ({ area, target });

function broken(random: Random, { leaseMs }: Shape, section: Section, fault: LinkFault): FaultDraft {
  const lastsMs = haltMs(random, leaseMs);
  // A slow link is there, and a worker that is isolated keeps its lease for a part of it.
  const isolated = fault.kind === 'slow' ? [] : section.isolated;
  return {
    ...place(section),
    lastsMs,
    note: `${describe(fault)} for ${seconds(lastsMs)}`,
    bring: (world) =>
      without(world, section, isolated, async () => {
        const links = section.links.map((name) => world.cluster.link(name));
        for (const link of links) link.break(fault);
        await world.pause(lastsMs);
        for (const link of links) link.mend();
      }),
  };
}

function describe(fault: LinkFault): string {
  switch (fault.kind) {
    case 'refuse':
      return 'refused';
    case 'half-open':
      return `half open, then ${fault.afterwards === 'reset' ? 'reset' : 'dead for good'},`;
    case 'stall':
      return fault.direction === 'both' ? 'stalled' : `stalled ${fault.direction}`;
    case 'slow':
      return `${fault.slowness.latencyMs} to ${fault.slowness.latencyMs + fault.slowness.jitterMs} ms and ${Math.round(fault.slowness.bytesPerSecond / 1_000)} kB/s`;
  }
}

async function without(
  world: World,
  { area, concerned }: Section,
  isolated: readonly string[],
  what: () => Promise<void>,
): Promise<Brought> {
  const { cluster, recovery } = world;
  const ids = (names: readonly string[]) => names.map((name) => cluster.member(name).id);
  const mayCost = ids(isolated);
  const beganMs = Date.now();
  await what();
  const healedMs = Date.now();
  const base = { mayCost, beganMs, healedMs, countsFrom: 'healed' } as const;
  if (area === 'sessions') {
    const there = () => ids(concerned.filter((name) => cluster.member(name).running));
    const recovered = recovery.untilServed(there, healedMs);
    return { ...base, recovered, recovery: 'its workers have had their leases renewed' };
  }
  return area === 'database'
    ? { ...base, recovered: recovery.untilTaskRuns(), recovery: 'a new task has run' }
    : { ...base, recovered: recovery.untilAnswered(), recovery: 'a request was answered' };
}
