import { status, type ClientUnaryCall } from '@grpc/grpc-js';
import { decodeStanding } from '../rpc/codec.ts';
import type { CoordinatorClient } from '../rpc/generated/hydra/v1/Coordinator.ts';
import type { Standing } from '../rpc/messages.ts';
import { answerOfFailure, type Answer } from './answer.ts';
import { dial } from './dial.ts';

/** Asks one coordinator for its Standing, over a connection of its own that is closed afterwards. */
export class StandingCall {
  readonly #client: CoordinatorClient;
  readonly #call: ClientUnaryCall;
  #ended = false;

  /** `onAnswer` is called once, later, unless the call is cancelled before. It has no deadline of its own. */
  constructor(address: string, now: () => number, onAnswer: (answer: Answer) => void) {
    const askedAtMs = now();
    this.#client = dial(address);
    this.#call = this.#client.standing({}, (failure, reply) => {
      if (this.#ended) return;
      this.#close();
      if (failure?.code === status.UNIMPLEMENTED)
        onAnswer({ kind: 'older', why: 'is of an older version and does not say how it stands' });
      else if (failure) onAnswer(answerOfFailure(failure, askedAtMs));
      else if (reply) onAnswer(answerOf(decodeStanding(reply), askedAtMs));
    });
  }

  cancel(): void {
    if (this.#ended) return;
    this.#close();
    this.#call.cancel();
  }

  #close(): void {
    this.#ended = true;
    this.#client.close();
  }
}

function answerOf({ coordinatorId, renewing, holdsOffMs, sessions }: Standing, askedAtMs: number): Answer {
  if (renewing) return { kind: 'renewing', coordinatorId, sessions };
  return { kind: 'holds_off', askedAtMs, holdsOffMs, why: 'cannot reach PostgreSQL' };
}
