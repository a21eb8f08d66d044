import type { Answer } from './answer.ts';
import type { CoordinatorAddresses } from './coordinator-addresses.ts';
import { Outlook } from './outlook.ts';
import { surveyTimeoutMs } from './patience.ts';
import { Survey, type Answers } from './survey.ts';

export interface EnquiryOptions {
  readonly addresses: CoordinatorAddresses;
  readonly now: () => number;
  /** What is left of the lease that keeps what is in hand, in milliseconds; Infinity: there is nothing to keep. */
  readonly leftMs: () => number;
  /** No coordinator takes anything back from anybody before `untilMs`, by `now`. */
  readonly onHeldOff: (untilMs: number) => void;
}

/** Asks coordinators how they stand, one survey at a time, and sees what follows from all that they have said so far. */
export class Enquiry {
  readonly #outlook = new Outlook();
  /** Of the newest registration; all coordinators have the same. */
  leaseMs = 0;
  #survey: Survey | null = null;

  constructor(private readonly options: EnquiryOptions) {}

  get isUnderWay(): boolean {
    return this.#survey !== null;
  }

  /** Instead of a survey that is under way. `own` and `patient`: see {@link SurveyOptions}. */
  ask(own: string | null, patient: boolean, onDone: (answers: Answers) => void): void {
    this.cancel();
    const { addresses, leftMs, now } = this.options;
    this.#survey = new Survey({
      addresses,
      own,
      now,
      timeoutMs: surveyTimeoutMs(leftMs()),
      patient,
      onLocated: (known) => this.#outlook.know(known),
      onAnswer: (address, answer) => {
        this.#outlook.hear(address, answer);
        const untilMs = this.#outlook.heldOffUntil(now(), this.leaseMs);
        if (untilMs !== null) this.options.onHeldOff(untilMs);
      },
      onDone: (answers) => {
        this.#survey = null;
        onDone(answers);
      },
    });
  }

  /** Something was said without being asked. It counts with the next answer, when it is known again who there is. */
  hear(address: string, answer: Answer): void {
    this.#outlook.hear(address, answer);
  }

  cancel(): void {
    this.#survey?.cancel();
    this.#survey = null;
  }
}
