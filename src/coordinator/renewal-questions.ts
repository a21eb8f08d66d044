/** Those who want to know whether a renewal succeeds that begins after they have asked. They share it. */
export class RenewalQuestions {
  #waiting = new Set<(renewed: boolean) => void>();
  #taken = new Set<(renewed: boolean) => void>();

  /** Somebody waits for a renewal that has not begun. */
  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resolves with `false` when nothing is known after so long. */
  ask(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (renewed: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(answer);
        this.#taken.delete(answer);
        resolve(renewed);
      };
      const timer = setTimeout(answer, withinMs, false);
      this.#waiting.add(answer);
    });
  }

  /** A renewal begins. */
  begin(): void {
    this.#taken = this.#waiting;
    this.#waiting = new Set();
  }

  /** It has succeeded. */
  succeeded(): void {
    for (const answer of this.#taken) answer(true);
  }

  /** It has failed, or is not answered; the next would not fare better. */
  failed(): void {
    for (const answer of [...this.#taken, ...this.#waiting]) answer(false);
  }
}
