// Original file: proto/hydra/v1/session.proto

/**
 * Why an attempt ended.
 */
export const Reason = {
  REASON_UNSPECIFIED: 'REASON_UNSPECIFIED',
  /**
   * The command ended by itself; exit_code is set.
   */
  REASON_EXITED: 'REASON_EXITED',
  /**
   * A signal ended the command; signal is set.
   */
  REASON_SIGNALLED: 'REASON_SIGNALLED',
  /**
   * It ran longer than it may and was killed.
   */
  REASON_TIMED_OUT: 'REASON_TIMED_OUT',
  /**
   * It was cancelled and was killed.
   */
  REASON_CANCELLED: 'REASON_CANCELLED',
  /**
   * Its worker went away or could not renew its lease. Said by a worker: it hands the attempt back, stopped or never
   * started, since it has to leave, or could not renew its lease.
   */
  REASON_WORKER_LOST: 'REASON_WORKER_LOST',
  /**
   * The worker's policy refused the command.
   */
  REASON_REJECTED: 'REASON_REJECTED',
  /**
   * The command could not be started; error says why.
   */
  REASON_SPAWN_ERROR: 'REASON_SPAWN_ERROR',
} as const;

/**
 * Why an attempt ended.
 */
export type Reason =
  | 'REASON_UNSPECIFIED'
  | 0
  /**
   * The command ended by itself; exit_code is set.
   */
  | 'REASON_EXITED'
  | 1
  /**
   * A signal ended the command; signal is set.
   */
  | 'REASON_SIGNALLED'
  | 2
  /**
   * It ran longer than it may and was killed.
   */
  | 'REASON_TIMED_OUT'
  | 3
  /**
   * It was cancelled and was killed.
   */
  | 'REASON_CANCELLED'
  | 4
  /**
   * Its worker went away or could not renew its lease. Said by a worker: it hands the attempt back, stopped or never
   * started, since it has to leave, or could not renew its lease.
   */
  | 'REASON_WORKER_LOST'
  | 5
  /**
   * The worker's policy refused the command.
   */
  | 'REASON_REJECTED'
  | 6
  /**
   * The command could not be started; error says why.
   */
  | 'REASON_SPAWN_ERROR'
  | 7

/**
 * Why an attempt ended.
 */
export type Reason__Output = typeof Reason[keyof typeof Reason]
