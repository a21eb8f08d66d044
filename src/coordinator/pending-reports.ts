import { refKey, type AttemptRef, type FinishedReport, type StartedReport } from '../rpc/messages.ts';
import { Tally } from './tally.ts';
import type { WorkerSession } from './worker-session.ts';

/** One commit carries at most this much. */
const BATCH_ENTRIES = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** What a piece of output takes beside its bytes. */
const PIECE_BYTES = 64;

/** All that is known of one attempt and not yet committed. */
export interface PendingReport {
  readonly ref: AttemptRef;
  session: WorkerSession;
  receivedAtMs: number;
  started: StartedReport | null;
  finished: FinishedReport | null;
  /** A statement that carried the end has failed, and may have been committed all the same. */
  doubtful: boolean;
}

/** Reports that are not committed: one entry for each attempt, in the order in which they came. */
export class PendingReports {
  readonly #waiting = new Map<string, PendingReport>();
  /** Taken, and not yet settled or put back. */
  readonly #taken = new Map<string, PendingReport>();
  readonly #entries = new Tally<WorkerSession>();
  readonly #bytes = new Tally<WorkerSession>();

  /** Attempts, as refKey names them. */
  keys(): string[] {
    return [...this.#waiting.keys(), ...this.#taken.keys()];
  }

  /** Those that are not taken. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** All, and how many bytes of output are in them. */
  get size(): number {
    return this.#entries.total;
  }

  get bytes(): number {
    return this.#bytes.total;
  }

  /** What came with a session. */
  of(session: WorkerSession): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.of(session), bytes: this.#bytes.of(session) };
  }

  addStart(session: WorkerSession, report: StartedReport): void {
    this.#renew(session, report.ref).started = report;
  }

  addEnd(session: WorkerSession, report: FinishedReport): void {
    const entry = this.#renew(session, report.ref);
    this.#bytes.add(session, sizeOf(report) - sizeOf(entry.finished));
    entry.finished = report;
  }

  /** The entry of the attempt, which from now on is this session's. */
  #renew(session: WorkerSession, ref: AttemptRef): PendingReport {
    const receivedAtMs = performance.now();
    const entry = this.#waiting.get(refKey(ref));
    if (entry === undefined) {
      const made = { ref, session, receivedAtMs, started: null, finished: null, doubtful: false };
      this.#waiting.set(refKey(ref), made);
      this.#entries.add(session, 1);
      return made;
    }
    // Its age was told relative to the earlier frame.
    const passedMs = receivedAtMs - entry.receivedAtMs;
    if (entry.started !== null) entry.started = agedStart(entry.started, passedMs);
    if (entry.finished !== null) entry.finished = agedEnd(entry.finished, passedMs);
    entry.receivedAtMs = receivedAtMs;
    this.#count(entry, -1);
    entry.session = session;
    this.#count(entry, 1);
    return entry;
  }

  /** What is to be committed next, in the order of the tasks' ids. */
  take(): PendingReport[] {
    const batch: PendingReport[] = [];
    let bytes = 0;
    for (const [key, entry] of this.#waiting) {
      batch.push(entry);
      this.#waiting.delete(key);
      this.#taken.set(key, entry);
      bytes += sizeOf(entry.finished);
      if (batch.length >= BATCH_ENTRIES || bytes >= BATCH_BYTES) break;
    }
    return batch.sort((a, b) => (a.ref.taskId < b.ref.taskId ? -1 : 1));
  }

  /** Its output is not to be committed; `error` says so to whoever reads the result. */
  dropOutput(entry: PendingReport, error: string): void {
    if (entry.finished === null) return;
    this.#count(entry, -1);
    entry.finished = { ...entry.finished, result: { ...entry.finished.result, error }, output: [] };
    this.#count(entry, 1);
  }

  /** It is committed, or not to be. */
  settle(entry: PendingReport): void {
    this.#taken.delete(refKey(entry.ref));
    this.#count(entry, -1);
  }

  /** It could not be committed now. What came in since for the same attempt is newer and stays. */
  putBack(entry: PendingReport): void {
    const key = refKey(entry.ref);
    const newer = this.#waiting.get(key);
    this.#taken.delete(key);
    if (newer === undefined) {
      this.#waiting.set(key, entry);
      return;
    }
    this.#count(entry, -1);
    newer.doubtful ||= entry.doubtful;
    if (newer.finished !== null || entry.finished === null) return;
    newer.finished = agedEnd(entry.finished, newer.receivedAtMs - entry.receivedAtMs);
    this.#bytes.add(newer.session, sizeOf(newer.finished));
  }

  #count({ finished, session }: PendingReport, times: 1 | -1): void {
    this.#entries.add(session, times);
    this.#bytes.add(session, times * sizeOf(finished));
  }
}

/** The same report, told `ms` later. */
export function agedStart(report: StartedReport, ms: number): StartedReport {
  return { ...report, startedAgeUs: report.startedAgeUs + Math.round(ms * 1000) };
}

/** The same report, told `ms` later. */
export function agedEnd(report: FinishedReport, ms: number): FinishedReport {
  const us = Math.round(ms * 1000);
  return {
    ...report,
    startedAgeUs: report.startedAgeUs === null ? null : report.startedAgeUs + us,
    endedAgeUs: report.endedAgeUs + us,
  };
}

function sizeOf(report: FinishedReport | null): number {
  if (report === null) return 0;
  return report.output.reduce((sum, piece) => sum + PIECE_BYTES + piece.data.length + 4 * piece.segments.length, 0);
}
