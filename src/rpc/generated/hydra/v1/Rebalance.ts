// Original file: proto/hydra/v1/session.proto


/**
 * Sent by the coordinator: others have fewer workers. The worker asks all for their Standing, ends this session if
 * another is better placed, and registers there with what it has in hand. What it was sent here and had not received
 * by then counts as not received.
 */
export interface Rebalance {
}

/**
 * Sent by the coordinator: others have fewer workers. The worker asks all for their Standing, ends this session if
 * another is better placed, and registers there with what it has in hand. What it was sent here and had not received
 * by then counts as not received.
 */
export interface Rebalance__Output {
}
