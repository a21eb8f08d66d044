import type { Answer } from './answer.ts';
import type { CoordinatorAddresses } from './coordinator-addresses.ts';
import { StandingCall } from './standing-call.ts';
import { Alarm } from './timer.ts';

/** By address; names of which no address is known are there as they are configured. */
export type Answers = ReadonlyMap<string, Answer>;

export interface SurveyOptions {
  readonly addresses: CoordinatorAddresses;
  /** Asked, too, should no name lead there any more: where the worker has a session; `null`: nowhere. */
  readonly own: string | null;
  readonly now: () => number;
  readonly timeoutMs: number;
  /** Whether to wait for all, also when one has answered that it serves workers. */
  readonly patient: boolean;
  /** Before any answer: who is asked. */
  readonly onLocated: (addresses: ReadonlySet<string>) => void;
  /** As soon as it is known. */
  readonly onAnswer: (address: string, answer: Answer) => void;
  /** Once, after all answers. Those who did not answer in time are not among them when others serve. */
  readonly onDone: (answers: Answers) => void;
}

/** How long the others have yet when one has answered that it serves workers. */
const SETTLE_MS = 50;
/** Most that looking names up may take of all the time. */
const LOCATING_SHARE = 0.5;
const LONGEST_LOCATING_MS = 1_000;

/** Asks all coordinators at the same time for their Standing. */
export class Survey {
  readonly #answers = new Map<string, Answer>();
  readonly #calls = new Map<string, StandingCall>();
  readonly #deadline = new Alarm();
  #settling = false;
  #over = false;

  constructor(private readonly options: SurveyOptions) {
    void this.#run();
  }

  /** Nobody wants to know any more: nothing is told after it. */
  cancel(): void {
    this.#over = true;
    this.#deadline.clear();
    for (const call of this.#calls.values()) call.cancel();
    this.#calls.clear();
  }

  async #run(): Promise<void> {
    const { addresses, now, onLocated, own, timeoutMs } = this.options;
    const endsAtMs = now() + timeoutMs;
    const located = await addresses.locate(Math.min(LONGEST_LOCATING_MS, timeoutMs * LOCATING_SHARE));
    if (this.#over) return;
    const asked = new Set([...located.addresses, ...(own === null ? [] : [own])]);
    onLocated(new Set([...asked, ...located.missing.keys()]));
    for (const address of asked) {
      this.#calls.set(address, new StandingCall(address, now, (answer) => this.#answered(address, answer)));
    }
    this.#deadline.set(endsAtMs - now(), () => this.#timeOut());
    for (const [name, answer] of located.missing) this.#hear(name, answer);
    if (this.#calls.size === 0) this.#done();
  }

  #answered(address: string, answer: Answer): void {
    this.#calls.delete(address);
    this.#hear(address, answer);
    if (this.#over) return;
    if (this.#calls.size === 0) this.#done();
    else if ((answer.kind === 'renewing' || answer.kind === 'older') && !this.options.patient) this.#settle();
  }

  #hear(address: string, answer: Answer): void {
    if (this.#over) return;
    this.#answers.set(address, answer);
    this.options.onAnswer(address, answer);
  }

  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    this.#deadline.set(SETTLE_MS, () => this.#done());
  }

  #timeOut(): void {
    for (const [address, call] of [...this.#calls]) {
      call.cancel();
      this.#answered(address, { kind: 'unknown', why: 'does not answer' });
    }
  }

  #done(): void {
    this.cancel();
    this.options.onDone(this.#answers);
  }
}
