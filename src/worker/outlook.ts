import type { Answer } from './answer.ts';

type Statement = Extract<Answer, { kind: 'holds_off' | 'absent' }>;

/**
 * What the coordinators have said, to tell when none of them takes anything back from anybody: then the worker keeps
 * what it runs although its lease cannot be renewed. Every coordinator that it knows of must have said so, since a
 * single one that reaches PostgreSQL can give the worker's tasks away.
 */
export class Outlook {
  #known: ReadonlySet<string> = new Set();
  /** The newest of each. */
  readonly #statements = new Map<string, Statement>();

  /** All coordinators there are, by address. */
  know(addresses: ReadonlySet<string>): void {
    this.#known = addresses;
    for (const address of this.#statements.keys()) if (!addresses.has(address)) this.#statements.delete(address);
  }

  /** One that gives no answer has not taken back what it said before; one that reaches PostgreSQL has. */
  hear(address: string, answer: Answer): void {
    if (answer.kind === 'renewing') this.#statements.delete(address);
    if (answer.kind !== 'holds_off' && answer.kind !== 'absent') return;
    const before = this.#statements.get(address);
    if (!before || before.askedAtMs <= answer.askedAtMs) this.#statements.set(address, answer);
  }

  /**
   * Until when nobody takes anything back; `null`: that is not known. What was said longer than a lease ago does not
   * count, and where nobody is, nobody holds off: at least one must have said that it does.
   */
  heldOffUntil(nowMs: number, leaseMs: number): number | null {
    const statements = [...this.#known].map((address) => this.#statements.get(address));
    if (!statements.some((statement) => statement?.kind === 'holds_off')) return null;
    let untilMs = Infinity;
    for (const statement of statements) {
      if (!statement || statement.askedAtMs < nowMs - leaseMs) return null;
      untilMs = Math.min(untilMs, endOf(statement, leaseMs));
    }
    return untilMs;
  }
}

function endOf(statement: Statement, leaseMs: number): number {
  return statement.askedAtMs + (statement.kind === 'absent' ? leaseMs : statement.holdsOffMs);
}
