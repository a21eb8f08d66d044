import type { Readable } from 'node:stream';
import type { OutputPiece } from '../../domain/output.ts';
import type { OutputStream } from '../../domain/output-slice.ts';
import { KeptOutput } from './kept-output.ts';
import { MaskedStream } from './masked-stream.ts';
import type { ReadingPace } from './reading-pace.ts';
import { secretPatterns } from './secret-patterns.ts';

/** Most bytes of output that a result carries. */
export const INLINE_BYTES = 64 * 1024;
/** How long bytes wait for more to be sent with. */
const FLUSH_MS = 200;
/** Past the head: how often the newest of the output is sent while the command runs, and how much of it. */
const LIVE_MS = 1_000;
const LIVE_BYTES = 32 * 1024;

export interface AttemptOutputOptions {
  /** Bytes that are kept: half of them the first, half of them the last that are written. */
  readonly limitBytes: number;
  /** Masked wherever they are written. */
  readonly secrets: readonly string[];
  /** Called once when more was written than is kept. */
  readonly onLimit: (() => void) | null;
}

export interface AttemptOutputDeps {
  readonly now: () => number;
  readonly pace: ReadingPace;
  /** {@link AttemptOutput.next} may have something. */
  readonly onReady: () => void;
  /** Nothing more is to be sent. */
  readonly onEnded: () => void;
  /** More was written than is kept; once. */
  readonly onOverLimit: () => void;
  /** Pieces can be sent, now or with the next session; without it only results can. */
  readonly takesPieces: () => boolean;
}

/**
 * What the command of an attempt writes: read, masked, cut to its limit, and handed out in pieces while it is written.
 *
 * Only the head is sent as a whole. Past it there may be no end, so while the command runs the newest bytes are shown
 * now and then (the live tail), without holding the command up. At the end the last half of the limit takes their place.
 * However slow the other side is, what waits here is bounded by the limit.
 */
export class AttemptOutput {
  readonly #kept: KeptOutput;
  /** `null`: nothing is to be masked. */
  readonly #masked: Readonly<Record<OutputStream, MaskedStream>> | null;
  /** Handed out, or next to be, and not acknowledged; oldest first. The first so many were sent in this session. */
  readonly #pieces: OutputPiece[] = [];
  #sent = 0;
  /** Where the stored tail begins and ends; it has no gap in itself. */
  #live: { readonly start: number; readonly end: number } | null = null;
  #liveAtMs = -Infinity;
  /** What is left to be sent in pieces once all was written. */
  #rest: OutputPiece[] = [];
  #finish: {
    readonly inline: readonly OutputPiece[];
    readonly resolve: (inline: readonly OutputPiece[]) => void;
  } | null = null;
  #keeps = true;
  #discarded = false;
  #overLimit = false;
  /** What was not sent has waited long enough. */
  #due = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: AttemptOutputOptions,
    private readonly deps: AttemptOutputDeps,
  ) {
    this.#kept = new KeptOutput(options.limitBytes);
    const patterns = secretPatterns(options.secrets);
    const masked = (stream: OutputStream) => new MaskedStream(patterns, (bytes) => this.#add(stream, bytes));
    this.#masked = patterns.length === 0 ? null : { stdout: masked('stdout'), stderr: masked('stderr') };
  }

  /** Bytes that take up memory. */
  get heldBytes(): number {
    const waiting = [...this.#pieces, ...this.#rest, ...(this.#finish?.inline ?? [])];
    return this.#kept.heldBytes + waiting.reduce((sum, { data }) => sum + data.length, 0);
  }

  /**
   * Reads both streams to their end, at a pace that leaves other commands their share. `stderr` is null when the
   * command writes both to `stdout`. Resolves when both are closed; whoever destroys them closes them, too.
   */
  async read(stdout: Readable, stderr: Readable | null): Promise<void> {
    const { pace } = this.deps;
    await Promise.all([
      pace.read(stdout, (chunk) => this.#take('stdout', chunk)),
      stderr && pace.read(stderr, (chunk) => this.#take('stderr', chunk)),
    ]);
  }

  /** What is read from now on is not kept, so that processes that live on may write. */
  release(): void {
    this.#keeps = false;
  }

  /** All was written. Resolves with what goes into the result, once everything before it is acknowledged. Once. */
  finish(): Promise<readonly OutputPiece[]> {
    this.#keeps = false;
    clearTimeout(this.#timer);
    if (this.#discarded) return Promise.resolve([]);
    this.#masked?.stdout.flush();
    this.#masked?.stderr.flush();
    const { replaces, pieces } = this.#takeRest();
    const isInline = !replaces && sizeOf(pieces) <= INLINE_BYTES;
    if (!isInline) this.#rest = pieces;
    return new Promise((resolve) => {
      this.#finish = { inline: isInline ? pieces : [], resolve };
      this.settle();
    });
  }

  /** Not wanted any more; finish() resolves with nothing. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#keeps = false;
    clearTimeout(this.#timer);
    this.#masked?.stdout.stop();
    this.#masked?.stderr.stop();
    this.#end([]);
  }

  /** There is a piece that it is time to send. */
  get hasNext(): boolean {
    if (this.#sent < this.#pieces.length || this.#rest.length > 0) return true;
    return this.#keeps && (this.#mayFlush || this.#kept.hasFullHead);
  }

  /** The next piece to send in this session, if it is time to send one. */
  next(): OutputPiece | null {
    if (this.#sent === this.#pieces.length) this.#prepare();
    const piece = this.#pieces[this.#sent];
    if (piece === undefined) return null;
    this.#sent += 1;
    return piece;
  }

  acknowledged(start: number): void {
    const index = this.#pieces.findIndex((piece) => piece.start === start);
    if (index < 0 || index >= this.#sent) return;
    this.#pieces.splice(index, 1);
    this.#sent -= 1;
    if (this.#finish !== null) this.settle();
    else if (this.#due) this.deps.onReady();
  }

  /** There is another session: everything that is not acknowledged is to be sent in it. */
  restart(): void {
    this.#sent = 0;
  }

  /** Sees whether what was finished is delivered, or has to do without. */
  settle(): void {
    if (this.#finish === null) return;
    const open = [...this.#pieces, ...this.#rest];
    if (open.length === 0) return this.#end(this.#finish.inline);
    if (this.deps.takesPieces()) return this.deps.onReady();
    this.#end(newest([...open, ...this.#finish.inline]));
  }

  #take(stream: OutputStream, chunk: Buffer): void {
    if (!this.#keeps) return;
    if (this.#masked === null) this.#add(stream, chunk);
    else this.#masked[stream].push(chunk);
  }

  #add(stream: OutputStream, bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#kept.append(stream, bytes);
    if (!this.#overLimit && this.#kept.total > this.options.limitBytes) {
      this.#overLimit = true;
      this.deps.onOverLimit();
      this.options.onLimit?.();
    }
    if (this.#keeps) this.#watch();
  }

  /** Sees to it that what was not sent will be. */
  #watch(): void {
    if (this.#kept.hasFullHead) this.deps.onReady();
    if (this.#due || this.#timer !== undefined || !this.#hasUnsent) return;
    const liveInMs = this.#liveAtMs + LIVE_MS - this.deps.now();
    const delayMs = this.#kept.hasHead ? FLUSH_MS : Math.max(FLUSH_MS, liveInMs);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#due = true;
      this.deps.onReady();
    }, delayMs);
  }

  get #hasUnsent(): boolean {
    return this.#kept.hasHead || (this.#kept.tailLimit > 0 && this.#kept.total > this.#tailSent);
  }

  /** What is not a full piece may be sent. */
  get #mayFlush(): boolean {
    return this.#due && this.#pieces.length === 0;
  }

  /** Up to where, past the head, what was written was sent. */
  get #tailSent(): number {
    return this.#live?.end ?? this.#kept.headLimit;
  }

  /**
   * Puts the next piece into line. One that is not full is sent only when none of this attempt is on its way: the
   * slower the other side is, the larger the pieces become.
   */
  #prepare(): void {
    const rest = this.#rest.shift();
    if (rest !== undefined) {
      this.#pieces.push(rest);
      return;
    }
    const mayFlush = this.#mayFlush;
    if (!this.#keeps || !(mayFlush || this.#kept.hasFullHead)) return;
    const head = this.#kept.takeHead();
    this.#pieces.push(...(head === null ? this.#newestTail() : [head]));
    if (mayFlush) {
      this.#due = false;
      this.#watch();
    }
  }

  /**
   * The newest of what was written past the head. It goes on where the stored tail ends; where it cannot, or where
   * that would become longer than a tail may be, it takes its place.
   */
  #newestTail(): OutputPiece[] {
    const { headLimit, tailLimit, total } = this.#kept;
    const pieces = this.#kept.tailFrom(Math.max(this.#tailSent, total - LIVE_BYTES));
    const [first, ...others] = pieces;
    if (first === undefined) return [];
    const start = this.#live?.start ?? headLimit;
    const goesOn = first.start === this.#tailSent && total - start <= tailLimit;
    const replacesFrom = goesOn || this.#live === null ? null : headLimit;
    this.#live = { start: goesOn ? start : first.start, end: total };
    this.#liveAtMs = this.deps.now();
    return [{ ...first, replacesFrom }, ...others];
  }

  /** All that was not sent. Past the head it takes the place of what was, unless that is simply its beginning. */
  #takeRest(): { readonly replaces: boolean; readonly pieces: OutputPiece[] } {
    const kept = this.#kept;
    const pieces: OutputPiece[] = [];
    for (let head = kept.takeHead(); head !== null; head = kept.takeHead()) pieces.push(head);
    const isWhole = kept.tailStart === kept.headLimit && (this.#live?.start ?? kept.headLimit) === kept.headLimit;
    const tail = kept.total > kept.headLimit ? kept.tailFrom(isWhole ? this.#tailSent : kept.headLimit) : [];
    const [first, ...others] = tail;
    const replaces = this.#live !== null && !isWhole;
    if (first !== undefined) pieces.push({ ...first, replacesFrom: replaces ? kept.headLimit : null }, ...others);
    else if (kept.tailLimit === 0 && kept.total > 0) pieces.push(kept.end());
    kept.clear();
    return { replaces, pieces };
  }

  #end(inline: readonly OutputPiece[]): void {
    this.#pieces.length = 0;
    this.#rest = [];
    this.#sent = 0;
    this.#kept.clear();
    this.#finish?.resolve(inline);
    this.#finish = null;
    this.deps.onEnded();
  }
}

function sizeOf(pieces: readonly OutputPiece[]): number {
  return pieces.reduce((sum, { data }) => sum + data.length, 0);
}

/** The last of these that a result can carry. */
function newest(pieces: readonly OutputPiece[]): OutputPiece[] {
  const fitting: OutputPiece[] = [];
  for (const piece of [...pieces].reverse()) {
    if (sizeOf(fitting) + piece.data.length > INLINE_BYTES) break;
    fitting.unshift({ ...piece, replacesFrom: null });
  }
  return fitting;
}
