import type { Answers } from './survey.ts';

/** How often the log repeats what has not changed. */
const REPEAT_MS = 30_000;
/** How many coordinators are named. */
const MOST_NAMED = 10;

/** Why coordinators do not serve this worker, for people. */
export class Obstacles {
  readonly #whyByAddress = new Map<string, string>();
  #logged = '';
  #loggedAtMs = -Infinity;

  constructor(private readonly now: () => number) {}

  /** What all say now, none of which serves this worker. */
  replace(answers: Answers): void {
    this.#whyByAddress.clear();
    for (const [address, answer] of answers) {
      this.add(address, answer.kind === 'renewing' ? 'reaches PostgreSQL, but does not renew the lease' : answer.why);
    }
  }

  add(address: string, why: string): void {
    this.#whyByAddress.set(address, why);
  }

  /** One serves. */
  clear(): void {
    this.#whyByAddress.clear();
    this.#logged = '';
  }

  /** `10.0.0.1:5001 refuses connections, 10.0.0.2:5001 cannot reach PostgreSQL`; empty when there are none. */
  get text(): string {
    const all = [...this.#whyByAddress].map(([address, why]) => `${address} ${why}`).sort();
    const more = all.length > MOST_NAMED ? [`and ${all.length - MOST_NAMED} more`] : [];
    return [...all.slice(0, MOST_NAMED), ...more].join(', ');
  }

  /** Whether to log it now: it has changed, or was not logged for a while. */
  isNews(): boolean {
    const text = this.text;
    if (text === this.#logged && this.now() < this.#loggedAtMs + REPEAT_MS) return false;
    this.#logged = text;
    this.#loggedAtMs = this.now();
    return true;
  }
}
