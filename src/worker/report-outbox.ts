import type { OutputPiece } from '../domain/output.ts';
import {
  refKey,
  type AttemptInHand,
  type AttemptRef,
  type FinishedReport,
  type FromWorker,
  type StartedReport,
} from '../rpc/messages.ts';
import { ageUs } from './age.ts';
import type { EndedAttempt } from './ended-attempt.ts';

export type Report = Extract<FromWorker, { kind: 'report' }>;

/** Sends a report in the current session and calls `done` once the connection has taken it. */
export type SendReport = (report: Report, done: () => void) => void;

/** Bounds of one frame, so that heartbeats get in between. */
const FRAME_ENTRIES = 1_000;
const FRAME_BYTES = 256 * 1024;

/**
 * Most bytes of results that are sent and not acknowledged: more than a coordinator commits at once, and far less than a
 * window of results that each carry all they may.
 */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** Most that the length of one segment takes in a frame. */
const SEGMENT_BYTES = 3;

/**
 * How long news of a start may wait for the news of its end, so that a short command is one report and costs the
 * database one write. Ages are computed at sending, so nothing is lost by it.
 */
const STARTED_DELAY_MS = 10;

export interface ReportOutboxOptions {
  /** Most results that are sent and not acknowledged, whatever a coordinator allows. */
  readonly maxResults: number;
  readonly now: () => number;
  /** A result waits until others are acknowledged. */
  readonly onFull: () => void;
}

interface Unacknowledged {
  readonly ended: EndedAttempt;
  /** What it takes in a frame, beside what every result does. */
  readonly bytes: number;
}

/**
 * Keeps each result until it is acknowledged, across sessions, and sends what is new: one frame on its way at a time,
 * so that what happens meanwhile shares the next one.
 *
 * Results sent and not acknowledged are bounded by a window, ours or the coordinator's, whichever is less. Past it no
 * more are sent; the coordinator goes on counting those attempts as running and dispatches no others, so at most
 * `maxResults` + slots are ever held.
 */
export class ReportOutbox {
  readonly #started = new Map<string, { readonly ref: AttemptRef; readonly atMs: number }>();
  readonly #results = new Map<string, Unacknowledged>();
  /** Keys of results not sent in this session. */
  readonly #unsent = new Set<string>();
  #sentBytes = 0;
  /** What the coordinator allows; 0: it does not say. */
  #window = 0;
  /** The next result waits until others are acknowledged. */
  #full = false;
  #send: SendReport | null = null;
  #frameOnItsWay = false;
  #soon: NodeJS.Immediate | null = null;
  #later: NodeJS.Timeout | null = null;

  constructor(private readonly options: ReportOutboxOptions) {}

  get unacknowledged(): number {
    return this.#results.size;
  }

  has(ref: AttemptRef): boolean {
    return this.#results.has(refKey(ref));
  }

  /**
   * What a registration says of them. One that never started counts from its end; but what is handed back unstarted is
   * not named, since what is named counts as started.
   */
  inHand(nowMs: number): AttemptInHand[] {
    const named = [...this.#results.values()].filter(({ ended }) => !isHandedBackUnstarted(ended));
    return named.map(({ ended }) => ({
      ref: ended.ref,
      startedAgeUs: ageUs(ended.startedAtMs ?? ended.endedAtMs, nowMs),
    }));
  }

  /**
   * A session is registered: every result is to be sent in it. Its registration told of all that had started. `window`:
   * most results that may be sent and not acknowledged; 0: the coordinator does not say.
   */
  open(send: SendReport, window: number): void {
    this.#send = send;
    this.#window = window;
    this.#full = false;
    this.#frameOnItsWay = false;
    this.#started.clear();
    this.#sentBytes = 0;
    this.#unsent.clear();
    for (const key of this.#results.keys()) this.#unsent.add(key); // oldest first
    this.#flushSoon();
  }

  /** The window is another one from now on; what was sent stays sent. */
  resize(window: number): void {
    this.#window = window;
    if (this.#unsent.size > 0) this.#flushSoon();
  }

  /** The session is gone. */
  close(): void {
    this.#send = null;
    if (this.#soon) clearImmediate(this.#soon);
    if (this.#later) clearTimeout(this.#later);
    this.#soon = this.#later = null;
  }

  started(ref: AttemptRef, atMs: number): void {
    this.#started.set(refKey(ref), { ref, atMs });
    if (this.#send) this.#later ??= setTimeout(() => this.#flush(), STARTED_DELAY_MS);
  }

  ended(ended: EndedAttempt): void {
    const key = refKey(ended.ref);
    this.#started.delete(key); // the result says when it started
    this.#results.set(key, { ended, bytes: bytesOf(ended) });
    this.#unsent.add(key);
    this.#flushSoon();
  }

  /** Acknowledged, or not ours any more. Unknown ones are ignored. */
  forget(refs: readonly AttemptRef[]): void {
    for (const ref of refs) {
      const key = refKey(ref);
      this.#started.delete(key);
      const result = this.#results.get(key);
      if (!result) continue;
      this.#results.delete(key);
      if (!this.#unsent.delete(key)) this.#sentBytes -= result.bytes;
    }
    if (this.#unsent.size > 0) this.#flushSoon();
  }

  /** After the events of this turn of the event loop, so that they share a frame. */
  #flushSoon(): void {
    if (this.#send) this.#soon ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#soon) clearImmediate(this.#soon);
    if (this.#later) clearTimeout(this.#later);
    this.#soon = this.#later = null;
    const send = this.#send;
    if (!send || this.#frameOnItsWay) return;
    const report = this.#nextReport();
    if (!report) return;
    this.#frameOnItsWay = true;
    send(report, () => {
      if (this.#send !== send) return;
      this.#frameOnItsWay = false;
      this.#flush();
    });
  }

  #nextReport(): Report | null {
    const nowMs = this.options.now();
    const started: StartedReport[] = [];
    for (const [key, { ref, atMs }] of this.#started) {
      if (started.length >= FRAME_ENTRIES) break;
      started.push({ ref, startedAgeUs: ageUs(atMs, nowMs) });
      this.#started.delete(key);
    }
    const finished: FinishedReport[] = [];
    let frameBytes = 0;
    for (const key of this.#unsent) {
      const result = this.#results.get(key);
      if (!result) continue;
      if (started.length + finished.length >= FRAME_ENTRIES) break;
      if (finished.length > 0 && frameBytes + result.bytes > FRAME_BYTES) break;
      if (!this.#windowTakes(result)) {
        if (!this.#full) this.options.onFull();
        this.#full = true;
        break;
      }
      this.#full = false;
      finished.push(toReport(result.ended, nowMs));
      frameBytes += result.bytes;
      this.#sentBytes += result.bytes;
      this.#unsent.delete(key);
    }
    return started.length + finished.length > 0 ? { kind: 'report', started, finished } : null;
  }

  #windowTakes(result: Unacknowledged): boolean {
    const sent = this.#results.size - this.#unsent.size;
    if (sent === 0) return true;
    const { maxResults } = this.options;
    const window = this.#window === 0 ? maxResults : Math.min(this.#window, maxResults);
    return sent < window && this.#sentBytes + result.bytes <= WINDOW_BYTES;
  }
}

function toReport(ended: EndedAttempt, nowMs: number): FinishedReport {
  return {
    ref: ended.ref,
    startedAgeUs: ended.startedAtMs === null ? null : ageUs(ended.startedAtMs, nowMs),
    endedAgeUs: ageUs(ended.endedAtMs, nowMs),
    result: ended.result,
    output: ended.output,
    usage: ended.usage,
  };
}

function isHandedBackUnstarted({ result, startedAtMs }: EndedAttempt): boolean {
  return startedAtMs === null && result.reason === 'worker_lost';
}

function bytesOf({ output, result }: EndedAttempt): number {
  const pieceBytes = ({ data, segments }: OutputPiece) => data.length + SEGMENT_BYTES * segments.length;
  return output.reduce((sum, piece) => sum + pieceBytes(piece), Buffer.byteLength(result.error ?? ''));
}
