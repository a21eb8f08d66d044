// Original file: proto/hydra/v1/session.proto


/**
 * Sent by the worker when nothing is in hand and it leaves. The coordinator unregisters it and ends the stream.
 */
export interface Goodbye {
}

/**
 * Sent by the worker when nothing is in hand and it leaves. The coordinator unregisters it and ends the stream.
 */
export interface Goodbye__Output {
}
