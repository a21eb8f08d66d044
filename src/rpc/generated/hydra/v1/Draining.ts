// Original file: proto/hydra/v1/session.proto


/**
 * Sent by the worker: it takes nothing new from now on.
 */
export interface Draining {
}

/**
 * Sent by the worker: it takes nothing new from now on.
 */
export interface Draining__Output {
}
