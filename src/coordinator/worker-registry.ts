import { parseLane } from '../domain/lane.ts';
import type { WorkerSession } from './worker-session.ts';

/** Sessions that can run one lane, and who was served last. */
interface Ring {
  readonly sessions: readonly WorkerSession[];
  next: number;
}

/** The sessions of this coordinator. */
export class WorkerRegistry {
  readonly #byWorker = new Map<string, WorkerSession>();
  /** Made when first asked for, thrown away when a session comes or goes. */
  readonly #rings = new Map<string, Ring>();

  /** `onJoined` is called when a session was added. */
  constructor(private readonly onJoined: () => void) {}

  get size(): number {
    return this.#byWorker.size;
  }

  all(): WorkerSession[] {
    return [...this.#byWorker.values()];
  }

  get(workerId: string): WorkerSession | undefined {
    return this.#byWorker.get(workerId);
  }

  /** Adds a session and returns the one of the same worker that it replaces. */
  add(session: WorkerSession): WorkerSession | undefined {
    const replaced = this.#byWorker.get(session.workerId);
    this.#byWorker.set(session.workerId, session);
    this.#rings.clear();
    this.onJoined();
    return replaced;
  }

  /** Removes the session, if it is its worker's current one. */
  remove(session: WorkerSession): boolean {
    if (this.#byWorker.get(session.workerId) !== session) return false;
    this.#byWorker.delete(session.workerId);
    this.#rings.clear();
    return true;
  }

  /** The next session, round robin, that can run the lane and has a free slot. */
  next(lane: string): WorkerSession | undefined {
    const ring = this.#ring(lane);
    const { sessions, next } = ring;
    const inTurn = [...sessions.slice(next), ...sessions.slice(0, next)];
    const skipped = inTurn.findIndex((session) => session.freeSlots > 0);
    if (skipped < 0) return undefined;
    ring.next = (next + skipped + 1) % sessions.length;
    return inTurn[skipped];
  }

  /** Slots of the lane's sessions that are free now. */
  freeSlots(lane: string): number {
    return this.#ring(lane).sessions.reduce((sum, session) => sum + session.freeSlots, 0);
  }

  /** Slots of the lane's sessions that could be free some time. */
  usableSlots(lane: string): number {
    return this.#ring(lane).sessions.reduce((sum, session) => sum + session.usableSlots, 0);
  }

  /** Slots of all sessions that could be free some time. */
  allUsableSlots(): number {
    return this.all().reduce((sum, session) => sum + session.usableSlots, 0);
  }

  #ring(lane: string): Ring {
    let ring = this.#rings.get(lane);
    if (ring === undefined) {
      const wanted = parseLane(lane);
      ring = { sessions: this.all().filter((session) => session.canRun(wanted)), next: 0 };
      this.#rings.set(lane, ring);
    }
    return ring;
  }
}
