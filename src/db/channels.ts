/** Channels of LISTEN and NOTIFY. They only ever hasten: whatever is missed is found by polling. */

/** Tasks are due within {@link WAKE_HORIZON_MS}. No payload. */
export const DUE_CHANNEL = 'hydra_due';

/** Somebody asked to cancel tasks that are claimed or run; their owners stop them. No payload. */
export const CANCELLED_CHANNEL = 'hydra_cancelled';

/** A claimed task is due earlier than it was; its owner does not wait any more. Payload: the task's id. */
export const HASTENED_CHANNEL = 'hydra_hastened';

/** A worker is to drain; the coordinator that holds its session tells it. Payload: the worker's id. */
export const DRAIN_CHANNEL = 'hydra_drain';

/**
 * Tasks due later than this after their insertion are not announced, since each coordinator polls more often
 * than that. Longer than any poll interval that the configuration allows.
 */
export const WAKE_HORIZON_MS = 15_000;
