// Original file: proto/hydra/v1/session.proto

import type { AttemptInHand as _hydra_v1_AttemptInHand, AttemptInHand__Output as _hydra_v1_AttemptInHand__Output } from '../../hydra/v1/AttemptInHand.ts';

/**
 * First message of a session.
 */
export interface Register {
  /**
   * Stable name of the worker: 1 to 128 characters of [A-Za-z0-9._:-].
   */
  'worker_id'?: (string);
  /**
   * UUID made when the process started. It tells a worker that reconnects from a second process that
   * uses the same worker_id.
   */
  'instance_id'?: (string);
  'hostname'?: (string);
  /**
   * How many commands the worker runs at once, 1 to 10,000.
   */
  'slots'?: (number);
  /**
   * A task goes only to a worker that carries each of the task's labels with the same value.
   */
  'labels'?: ({[key: string]: string});
  /**
   * Queues the worker serves; "*" serves all.
   */
  'queues'?: (string)[];
  /**
   * Version of Hydra that the worker runs, for people.
   */
  'version'?: (string);
  /**
   * Process id on its host, for people.
   */
  'pid'?: (number);
  /**
   * Every attempt the worker has in hand: running, or ended with a result that was not acknowledged.
   * What the database thinks this worker runs and is not listed here is taken back.
   */
  'in_hand'?: (_hydra_v1_AttemptInHand)[];
  /**
   * True when the worker is already draining (it reconnects to report what it finished).
   */
  'draining'?: (boolean);
  /**
   * Counts up from 1 in each process. A registration that was held up on its way must not undo a newer one.
   */
  'ordinal'?: (number);
}

/**
 * First message of a session.
 */
export interface Register__Output {
  /**
   * Stable name of the worker: 1 to 128 characters of [A-Za-z0-9._:-].
   */
  'worker_id': (string);
  /**
   * UUID made when the process started. It tells a worker that reconnects from a second process that
   * uses the same worker_id.
   */
  'instance_id': (string);
  'hostname': (string);
  /**
   * How many commands the worker runs at once, 1 to 10,000.
   */
  'slots': (number);
  /**
   * A task goes only to a worker that carries each of the task's labels with the same value.
   */
  'labels': ({[key: string]: string});
  /**
   * Queues the worker serves; "*" serves all.
   */
  'queues': (string)[];
  /**
   * Version of Hydra that the worker runs, for people.
   */
  'version': (string);
  /**
   * Process id on its host, for people.
   */
  'pid': (number);
  /**
   * Every attempt the worker has in hand: running, or ended with a result that was not acknowledged.
   * What the database thinks this worker runs and is not listed here is taken back.
   */
  'in_hand': (_hydra_v1_AttemptInHand__Output)[];
  /**
   * True when the worker is already draining (it reconnects to report what it finished).
   */
  'draining': (boolean);
  /**
   * Counts up from 1 in each process. A registration that was held up on its way must not undo a newer one.
   */
  'ordinal': (number);
}
