/** Channels of LISTEN and NOTIFY. They only ever hasten: whatever is missed is found by polling. */

/** Tasks are due within {@link WAKE_HORIZON_MS}. No payload. */
export const DUE_CHANNEL = 'hydra_due';

/** A claimed task was cancelled; its owner drops it. Payload: the task's id. */
export const CANCELLED_CHANNEL = 'hydra_cancelled';

/** A worker is to drain; the coordinator that holds its session tells it. Payload: the worker's id. */
export const DRAIN_CHANNEL = 'hydra_drain';

/**
 * Tasks due later than this after their insertion are not announced, since each coordinator polls more often
 * than that. Longer than any poll interval that the configuration allows.
 */
export const WAKE_HORIZON_MS = 15_000;
