/** How much one scheduler takes on at once, whoever asks for it. */
export interface Limits {
  /** Connections of clients; further ones are closed at once. */
  readonly connections: number;
  /** Requests that are not answered, those who follow output included. */
  readonly requests: number;
  /** Bytes of all bodies together that are longer than `smallBytes`, until their requests are answered. */
  readonly bodyBytes: number;
  /** The same of answers, until their readers have them. */
  readonly answerBytes: number;
  /** What is not longer is not counted: there are not more of them than requests. */
  readonly smallBytes: number;
  /** Statements that are under way or wait for a connection to PostgreSQL. */
  readonly statements: number;
  /** A client that takes nothing of what waits for it for so long is cut off. */
  readonly stuckMs: number;
}

export const LIMITS: Limits = {
  connections: 4_000,
  requests: 10_000,
  bodyBytes: 256 * 1024 * 1024,
  answerBytes: 256 * 1024 * 1024,
  smallBytes: 64 * 1024,
  statements: 1_000,
  stuckMs: 600_000,
};
