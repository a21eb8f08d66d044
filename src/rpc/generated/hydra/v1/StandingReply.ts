// Original file: proto/hydra/v1/session.proto


export interface StandingReply {
  'coordinator_id'?: (string);
  /**
   * PostgreSQL renewed the lease of this coordinator after the question had come. False: it could not be reached.
   */
  'renewing'?: (boolean);
  /**
   * Only when not renewing: this coordinator takes nothing back from anybody, whatever the leases, before this long has
   * passed since the question came. When all coordinators say so, what a worker runs cannot be given to another.
   */
  'holds_off_ms'?: (number);
  /**
   * Workers connected here.
   */
  'sessions'?: (number);
}

export interface StandingReply__Output {
  'coordinator_id': (string);
  /**
   * PostgreSQL renewed the lease of this coordinator after the question had come. False: it could not be reached.
   */
  'renewing': (boolean);
  /**
   * Only when not renewing: this coordinator takes nothing back from anybody, whatever the leases, before this long has
   * passed since the question came. When all coordinators say so, what a worker runs cannot be given to another.
   */
  'holds_off_ms': (number);
  /**
   * Workers connected here.
   */
  'sessions': (number);
}
