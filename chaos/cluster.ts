import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { findMarked } from '../test/support/processes.ts';
import type { Orphan } from './events.ts';
import { Link } from './link.ts';
import { Member } from './member.ts';
import type { Ports } from './ports.ts';
import { trySignal } from './process-list.ts';
import type { Shape } from './shape.ts';

export interface ClusterOptions {
  readonly shape: Shape;
  /** For logs and clocks. */
  readonly folder: string;
  readonly ports: Ports;
  readonly databaseUrl: string;
  readonly slots: number;
  readonly onFault: (sentence: string) => void;
}

const READY_TIMEOUT_MS = 60_000;
/** How long what was started by a process may outlive it. */
const LINGER_MS = 5_000;
const POLL_MS = 50;

/** Real processes, each of which reaches the others only through links that can be broken. */
export class Cluster {
  /** Everything that is started on behalf of this cluster carries it in its environment, commands included. */
  readonly marker = { CHAOS_RUN: randomUUID() };
  readonly members: readonly Member[];
  readonly links: readonly Link[];
  readonly #options: ClusterOptions;
  /** As HYDRA_WORKER_ID names them, all that there ever were. */
  readonly #workerIds = new Set<string>();

  private constructor(options: ClusterOptions, links: readonly Link[], ports: ReadonlyMap<string, number>) {
    this.#options = options;
    this.links = links;
    const { coordinators, leaseMs, scheduler, workers } = options.shape;
    const port = (name: string) => String(ports.get(name) ?? 0);
    const database = (name: string) => {
      const url = new URL(options.databaseUrl);
      url.port = String(this.link(`${name}→postgres`).port);
      return { DATABASE_URL: url.href };
    };
    const member = (part: Member['part'], name: string, env: (identity: number) => Readonly<Record<string, string>>) =>
      new Member({
        name,
        part,
        folder: options.folder,
        env: (identity) => ({ ...this.marker, ...env(identity) }),
        onFault: options.onFault,
        onEnded: () => this.#targetGone(name),
      });
    this.members = [
      member('scheduler', scheduler, () => ({ ...database(scheduler), HYDRA_HTTP_PORT: port(scheduler) })),
      ...coordinators.map((name) =>
        member('coordinator', name, () => ({
          ...database(name),
          HYDRA_GRPC_PORT: port(name),
          HYDRA_LEASE_MS: String(leaseMs),
        })),
      ),
      ...workers.map((name, index) =>
        member('worker', name, (identity) => {
          const id = `${name}.${identity}`;
          this.#workerIds.add(id);
          // Each begins with another one, so that they spread.
          const known = coordinators.map((_, i) => coordinators[(index + i) % coordinators.length] ?? '');
          return {
            HYDRA_WORKER_ID: id,
            HYDRA_COORDINATORS: known.map((to) => `127.0.0.1:${this.link(`${name}→${to}`).port}`).join(','),
            HYDRA_SLOTS: String(options.slots),
            HYDRA_PASS_ENV: Object.keys(this.marker).join(','),
          };
        }),
      ),
    ];
  }

  static async create(options: ClusterOptions): Promise<Cluster> {
    const { shape, ports, databaseUrl } = options;
    const { client, coordinators, postgres, scheduler, workers } = shape;
    const listening = new Map<string, number>([[postgres, Number(new URL(databaseUrl).port)]]);
    for (const name of [scheduler, ...coordinators]) listening.set(name, await ports.next());
    const pairs = [
      [client, scheduler],
      ...[scheduler, ...coordinators].map((from) => [from, postgres]),
      ...workers.flatMap((from) => coordinators.map((to) => [from, to])),
    ];
    const links: Link[] = [];
    for (const [from = '', to = ''] of pairs) {
      links.push(new Link(`${from}→${to}`, await ports.next(), listening.get(to) ?? 0));
    }
    return new Cluster(options, links, listening);
  }

  get workerIds(): readonly string[] {
    return [...this.#workerIds];
  }

  /** Of the processes that run now, guardians excepted. */
  get pids(): readonly number[] {
    return this.members.filter(({ running }) => running).map(({ pid }) => pid);
  }

  /** Where a client reaches the REST API. */
  get url(): string {
    const { client, scheduler } = this.#options.shape;
    return `http://127.0.0.1:${this.link(`${client}→${scheduler}`).port}`;
  }

  /** @throws Error when there is none of that name. */
  member(name: string): Member {
    return named(this.members, name);
  }

  /** @throws Error when there is none of that name. */
  link(name: string): Link {
    return named(this.links, name);
  }

  /** PostgreSQL has ended. */
  databaseGone(): void {
    this.#targetGone(this.#options.shape.postgres);
  }

  /** Returns when every process is ready. */
  async start(): Promise<void> {
    for (const link of this.links) link.open();
    for (const member of this.members) member.start();
    await this.untilReady();
  }

  /** @throws Error naming those that are not ready in time. */
  async untilReady(): Promise<void> {
    const late = delay(READY_TIMEOUT_MS, 'late', { ref: false });
    const waiting = new Set(this.members);
    const all = Promise.all(
      this.members.map(async (member) => {
        await member.ready;
        waiting.delete(member);
      }),
    );
    if ((await Promise.race([all, late])) === 'late') {
      throw new Error(`not ready: ${[...waiting].map(({ name }) => name).join(', ')}`);
    }
  }

  /** Whatever a fault has left broken works again. */
  heal(): void {
    for (const link of this.links) link.mend();
    for (const member of this.members) {
      member.stepClock(0);
      if (member.running) member.signal('SIGCONT');
    }
  }

  /** Lets workers, coordinators and the scheduler end, in this order. */
  async stop(timeoutMs: number): Promise<void> {
    for (const part of ['worker', 'coordinator', 'scheduler'] as const) {
      const members = this.members.filter((member) => member.part === part && member.running);
      await Promise.all(members.map((member) => member.stop(timeoutMs)));
    }
  }

  /** Ends everything at once and for good, commands included. */
  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.dismiss()));
    for (const link of this.links) link.close();
    for (const { pid } of findMarked(this.marker.CHAOS_RUN)) trySignal(pid, 'SIGKILL');
  }

  /**
   * Processes of commands that are still there a while after the last command has ended.
   * @param seen when this is looked at, in words
   */
  async findOrphans(seen: string): Promise<Orphan[]> {
    for (const deadline = performance.now() + LINGER_MS; ;) {
      const own = this.members.filter(({ running }) => running).flatMap(({ pid, guardian }) => [pid, guardian]);
      const left = findMarked(this.marker.CHAOS_RUN).filter(({ pid }) => !own.includes(pid));
      if (left.length === 0 || performance.now() > deadline) return left.map((found) => ({ ...found, seen }));
      await delay(POLL_MS);
    }
  }

  #targetGone(name: string): void {
    for (const link of this.links.filter((candidate) => candidate.name.endsWith(`→${name}`))) link.targetGone();
  }
}

function named<T extends { readonly name: string }>(items: readonly T[], name: string): T {
  const found = items.find((item) => item.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}
