import { setTimeout as delay } from 'node:timers/promises';
import { Census, type Count, type MarkedProcess } from './census.ts';
import { cgroupMembers, killCgroup, removeCgroup } from './cgroup.ts';
import type { Abandoned, Keeper } from './keeper.ts';
import { ancestorsOf, findLeftoverCgroups, findLeftovers, findUnheardOf } from './leftovers.ts';
import { LookTimer } from './look-timer.ts';
import type { ProcessEntry } from './process-entry.ts';
import type { ProcessTable } from './process-table.ts';
import {
  NO_USAGE,
  type Begin,
  type EndRequest,
  type FromCompanion,
  type ProcInfo,
  type SignalRequest,
} from './protocol.ts';
import { sendSignal } from './send-signal.ts';
import { Strays } from './strays.ts';
import { Ward, type Ending } from './ward.ts';

export interface WardenOptions {
  readonly table: ProcessTable;
  readonly info: ProcInfo;
  /** The folder that holds the attempts' cgroups. */
  readonly cgroup: string | null;
  readonly send: (message: FromCompanion) => void;
}

/** Least time from one look to the next, when no death is waited for, and how many times what a look takes. */
const LEAST_PAUSE_MS = 20;
const PAUSE_PER_LOOK = 10;
const LONGEST_PAUSE_MS = 500;
/** The same while something is dying, by how often it was found alive. */
const DYING_PAUSES_MS = [1, 2, 4, 8, 16, 32] as const;
const LONGEST_DYING_PAUSE_MS = 50;
/** From the first sight of a stray to the second. */
const SECOND_SIGHT_MS = 5;
/**
 * After that long without one less, what is left of an attempt cannot be killed: it waits for a device, or took another
 * user's identity. And after that long in all, since it multiplies as fast as it is killed.
 */
const END_TIMEOUT_MS = 3_000;
const LONGEST_END_MS = 9_000;
/** Looking takes that long where processes are so many and so busy that they are killed before the next look. */
const SLOW_LOOK_MS = 50;
/** Looks that find newcomers to kill, after which newcomers are halted first, so that they make no more. */
const ROUNDS_BEFORE_HALTING = 2;
/** And looks after which they are killed all the same. */
const HALTING_ROUNDS = 50;
/** After the end of a lease: when to look once more for what the worker started as it was halted. */
const LATE_LOOK_MS = 500;
/** Once the worker has gone: for how long nothing may be found, and how long all of it may take. */
const CLEAN_MS = 50;
const ABANDON_TIMEOUT_MS = 12_000;

/**
 * Knows the processes of every attempt and ends them. It looks at all processes of the machine when somebody needs
 * that, never more often than a small share of a processor allows, and not at all while there is no attempt.
 */
export class Warden implements Keeper {
  readonly #options: WardenOptions;
  readonly #census: Census;
  readonly #strays: Strays;
  /** Of the worker: those among them that take in orphans are no reason to spare one. */
  readonly #ancestors: ReadonlySet<number>;
  /** Those `live` and `ending`, by key. */
  readonly #wards = new Map<string, Ward>();
  /** Those that ended at the last look. */
  #past: Ward[] = [];
  #signals: SignalRequest[] = [];
  /** Of attempts that left something behind that may live. */
  #sparedCgroups: string[] = [];
  /** Takes what is found of attempts that nobody told of. */
  readonly #unheardOf = Ward.ended('killed');
  /** Of these, what was born up to here has lost the right to run. */
  #lapsedTick = -Infinity;
  #lateLookMs = -Infinity;
  /** When each process of a `killed` ward was first found alive. */
  #condemned = new Map<number, number>();
  readonly #timer = new LookTimer(() => this.#look());
  #lookedAtMs = -Infinity;
  #lookTookMs = 0;
  #workerIsGone = false;
  /** Processes killed since then. */
  #killed = 0;

  constructor(options: WardenOptions) {
    this.#options = options;
    const { table, info } = options;
    this.#census = new Census({ ...info, inspector: table, self: process.pid });
    this.#strays = new Strays({ anySpared: info.spared });
    const processes = table.list();
    this.#ancestors = ancestorsOf(info.worker.pid, processes);
    this.#takeLeftovers(processes);
  }

  begin({ key, leader, cgroup }: Begin): void {
    const known = leader.start > 0 ? leader : null;
    const beganTick = known?.start ?? this.#options.table.nowTicks();
    const ward = new Ward({
      key,
      leader: known,
      cgroup,
      beganTick,
      nowMs: performance.now(),
      isLeftover: false,
      scale: this.#options.table,
    });
    this.#wards.set(key, ward);
    this.#census.begin(ward);
    this.#timer.set(ward.nextSampleMs);
  }

  signal(request: SignalRequest): void {
    this.#signals.push(request);
    this.#timer.set(0);
  }

  end({ id, key, spareBackground }: EndRequest): void {
    const ward = this.#wards.get(key);
    if (!ward) {
      this.#options.send({ kind: 'done', id, usage: NO_USAGE, survivors: 0 });
      return;
    }
    if (ward.ending) ward.ending.requests.push(id);
    else this.#beginEnding(ward, [id], spareBackground);
    this.#timer.set(this.#nextLookMs);
  }

  fence(): void {
    this.#lapsedTick = this.#options.table.nowTicks();
    this.#lateLookMs = performance.now() + LATE_LOOK_MS;
    const live = [...this.#wards.values()].filter(({ state }) => state === 'live');
    for (const ward of live) this.#beginEnding(ward, [], false);
    if (live.length > 0) this.#options.send({ kind: 'fenced', keys: live.map(({ key }) => key) });
    this.#timer.set(0);
  }

  async abandon(): Promise<Abandoned> {
    this.#workerIsGone = true;
    this.fence();
    this.#lapsedTick = Infinity;
    const deadlineMs = performance.now() + ABANDON_TIMEOUT_MS;
    let cleanSinceMs: number | null = null;
    for (let rounds = 0; performance.now() < deadlineMs; rounds++) {
      const isClean = !this.#look();
      this.#timer.clear();
      cleanSinceMs = isClean ? (cleanSinceMs ?? this.#lookedAtMs) : null;
      if (cleanSinceMs !== null && this.#lookedAtMs - cleanSinceMs >= CLEAN_MS) break;
      await delay(isClean ? CLEAN_MS / 2 : dyingPauseMs(rounds));
    }
    this.#removeSparedCgroups();
    return { killed: this.#killed, survivors: this.#condemned.size };
  }

  /** When the next look may be, unless it is urgent. */
  get #nextLookMs(): number {
    return this.#lookedAtMs + Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, PAUSE_PER_LOOK * this.#lookTookMs));
  }

  /** True: something that is to die was found alive. */
  #look(): boolean {
    const startMs = performance.now();
    const { table } = this.#options;
    const processes = table.list();
    const tick = table.nowTicks();
    const wards = this.#wards;
    const count = this.#census.take({ processes, tick, wards, inCgroup: this.#cgroupMembers() });
    const undecidedOf = this.#judgeStrays(count);
    this.#past = [];
    this.#takeUnheardOf(count, processes);

    for (const [ward, entries] of count.byWard) ward.sample(entries, startMs);
    this.#deliverSignals(count);
    for (const ward of wards.values()) {
      if (ward.ending) this.#advanceEnding(ward, count.byWard.get(ward) ?? [], undecidedOf?.has(ward) === true, tick);
    }
    const condemnedLive = this.#killCondemned(count, startMs);

    this.#lookedAtMs = performance.now();
    this.#lookTookMs = this.#lookedAtMs - startMs;
    return this.#planNextLook(undecidedOf !== null, condemnedLive);
  }

  #planNextLook(undecided: boolean, condemnedLive: boolean): boolean {
    let nextSampleMs = Infinity;
    let rounds = condemnedLive ? DYING_PAUSES_MS.length : Infinity;
    for (const { state, ending, nextSampleMs: sampleMs } of this.#wards.values()) {
      if (ending) rounds = Math.min(rounds, ending.rounds);
      else if (state === 'live') nextSampleMs = Math.min(nextSampleMs, sampleMs);
    }
    const isDying = rounds < Infinity;
    if (this.#lateLookMs > this.#lookedAtMs) this.#timer.set(this.#lateLookMs);
    if (undecided) this.#timer.set(this.#lookedAtMs + SECOND_SIGHT_MS);
    if (isDying) this.#timer.set(this.#lookedAtMs + Math.max(dyingPauseMs(rounds), 2 * this.#lookTookMs));
    if (nextSampleMs < Infinity) this.#timer.set(Math.max(nextSampleMs, this.#nextLookMs));
    return isDying || undecided;
  }

  #cgroupMembers(): Map<number, Ward> {
    const members = new Map<number, Ward>();
    for (const ward of this.#wards.values()) {
      if (ward.cgroup !== null) for (const pid of cgroupMembers(ward.cgroup)) members.set(pid, ward);
    }
    return members;
  }

  /** Those that strays may belong to which are decided on at the next look; `null`: all are decided on. */
  #judgeStrays(count: Count): ReadonlySet<Ward> | null {
    const judgement = this.#strays.judge({ entries: count.strays, wards: this.#wards.values(), past: this.#past });
    for (const { entry, ward } of judgement.adopted) this.#adopt(entry, ward, count);
    return judgement.undecided ? judgement.undecidedOf : null;
  }

  /** Started by the worker as it died or was halted, or for attempts that a companion before this one has ended. */
  #takeUnheardOf(count: Count, processes: ReadonlyMap<number, ProcessEntry>): void {
    const { worker } = this.#options.info;
    const options = { worker: worker.pid, bornBy: this.#lapsedTick, processes, ancestors: this.#ancestors };
    for (const { entry } of findUnheardOf(count.unknown, options)) {
      this.#adopt(entry, this.#unheardOf, count);
    }
  }

  #adopt(entry: ProcessEntry, ward: Ward, { byWard }: Count): void {
    this.#census.adopt(entry, ward);
    const entries = byWard.get(ward);
    if (entries) entries.push(entry);
    else byWard.set(ward, [entry]);
  }

  #deliverSignals({ byWard }: Count): void {
    for (const { id, key, signal } of this.#signals.splice(0)) {
      const ward = this.#wards.get(key);
      this.#send((ward && byWard.get(ward)) ?? [], signal);
      this.#options.send({ kind: 'done', id, usage: NO_USAGE, survivors: 0 });
    }
  }

  #send(entries: readonly ProcessEntry[], signal: NodeJS.Signals): void {
    sendSignal(entries, signal, (session) => this.#census.owns(session));
  }

  #beginEnding(ward: Ward, requests: number[], sparesBackground: boolean): void {
    const nowMs = performance.now();
    ward.state = 'ending';
    ward.ending = {
      requests,
      sparesBackground,
      sinceMs: nowMs,
      progressMs: nowMs,
      left: Infinity,
      rounds: 0,
      signalled: new Set(),
    };
    if (sparesBackground || this.#lookTookMs <= SLOW_LOOK_MS) return;
    this.#send(ward.members, 'SIGKILL');
    this.#timer.set(0);
  }

  #advanceEnding(ward: Ward, entries: readonly ProcessEntry[], isUndecided: boolean, tick: number): void {
    const { ending } = ward;
    if (!ending) return;
    const nowMs = performance.now();
    const newcomers = entries.filter(({ pid }) => !ending.signalled.has(pid));
    if (entries.length < ending.left || newcomers.length > 0) ending.progressMs = nowMs;
    ending.left = entries.length;
    ward.sampleCgroup();
    const isOver = nowMs - ending.progressMs > END_TIMEOUT_MS || nowMs - ending.sinceMs > LONGEST_END_MS;
    if (ending.sparesBackground) this.#finish(ward, 'spared', 0, tick);
    else if (entries.length > 0 && !isOver) this.#killRound(ward, ending, entries, newcomers);
    else if (isOver || (!isUndecided && isRemoved(ward))) this.#finish(ward, 'killed', entries.length, tick);
    else ending.rounds += 1;
  }

  #killRound(
    { cgroup }: Ward,
    ending: Ending,
    entries: readonly ProcessEntry[],
    newcomers: readonly ProcessEntry[],
  ): void {
    ending.rounds += 1;
    for (const { pid } of newcomers) ending.signalled.add(pid);
    if (this.#workerIsGone) this.#killed += newcomers.length;
    if (cgroup !== null) killCgroup(cgroup);
    const { rounds } = ending;
    const halts = newcomers.length > 0 && rounds > ROUNDS_BEFORE_HALTING && rounds <= HALTING_ROUNDS;
    if (halts) this.#send(newcomers, 'SIGSTOP');
    else this.#send(entries, 'SIGKILL');
  }

  #finish(ward: Ward, state: 'killed' | 'spared', survivors: number, tick: number): void {
    ward.state = state;
    ward.endedTick = tick;
    this.#wards.delete(ward.key);
    if (ward.isLeftover) return;
    this.#past.push(ward);
    if (ward.cgroup !== null && state === 'spared') this.#sparedCgroups.push(ward.cgroup);
    for (const id of ward.ending?.requests ?? []) {
      this.#options.send({ kind: 'done', id, usage: ward.usage, survivors });
    }
    this.#removeSparedCgroups();
  }

  /** What turned up after its attempt had ended, or could not be killed then. True: some may still die of it. */
  #killCondemned({ byWard }: Count, nowMs: number): boolean {
    const before = this.#condemned;
    this.#condemned = new Map();
    for (const [{ state }, entries] of byWard) {
      if (state !== 'killed') continue;
      this.#send(entries, 'SIGKILL');
      for (const { pid } of entries) {
        if (this.#workerIsGone && !before.has(pid)) this.#killed += 1;
        this.#condemned.set(pid, before.get(pid) ?? nowMs);
      }
    }
    return [...this.#condemned.values()].some((sinceMs) => nowMs - sinceMs < END_TIMEOUT_MS);
  }

  #removeSparedCgroups(): void {
    this.#sparedCgroups = this.#sparedCgroups.filter((folder) => !removeCgroup(folder));
  }

  /** What a worker and a companion that were killed together have left behind. */
  #takeLeftovers(processes: ReadonlyMap<number, ProcessEntry>): void {
    const { table, info, cgroup, send } = this.#options;
    const options = { ...info, processes, inspector: table, ancestors: this.#ancestors };
    const found = findLeftovers(options);
    const cgroups = cgroup === null ? [] : findLeftoverCgroups(cgroup, options);
    if (found.length === 0 && cgroups.length === 0) return;
    for (const [key, members] of byOwner(found)) {
      const beganTick = Math.min(...members.map(({ entry }) => entry.start));
      const ward = this.#addLeftover(key, null, beganTick);
      for (const { entry } of members) this.#census.adopt(entry, ward);
    }
    for (const folder of cgroups) this.#addLeftover(folder, folder, 0);
    send({
      kind: 'warning',
      text: `killing what workers left behind that were killed together with their guardians: ${found.length} processes, ${cgroups.length} cgroups`,
    });
    this.#timer.set(0);
  }

  #addLeftover(key: string, cgroup: string | null, beganTick: number): Ward {
    const ward = new Ward({
      key: `leftover ${key}`,
      leader: null,
      cgroup,
      beganTick,
      nowMs: performance.now(),
      isLeftover: true,
      scale: this.#options.table,
    });
    this.#beginEnding(ward, [], false);
    this.#wards.set(ward.key, ward);
    return ward;
  }
}

/** It has no cgroup, or has none any more. */
function isRemoved({ cgroup }: Ward): boolean {
  return cgroup === null || removeCgroup(cgroup);
}

function byOwner(marked: readonly MarkedProcess[]): Map<string, MarkedProcess[]> {
  const owners = new Map<string, MarkedProcess[]>();
  for (const each of marked) {
    const owner = `${each.mark.instance} ${each.mark.key}`;
    owners.set(owner, [...(owners.get(owner) ?? []), each]);
  }
  return owners;
}

function dyingPauseMs(rounds: number): number {
  return DYING_PAUSES_MS[rounds] ?? LONGEST_DYING_PAUSE_MS;
}
