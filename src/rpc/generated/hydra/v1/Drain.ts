// Original file: proto/hydra/v1/session.proto


/**
 * Sent by the coordinator: take nothing new, finish what runs, report it, say Goodbye.
 */
export interface Drain {
}

/**
 * Sent by the coordinator: take nothing new, finish what runs, report it, say Goodbye.
 */
export interface Drain__Output {
}
