/** Calls `look` at the earliest instant that was asked for since the last call; instants are of performance.now(). */
export class LookTimer {
  #atMs = Infinity;
  #timeout: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(private readonly look: () => void) {}

  /** At the earliest after what has come in by now was heard, so that many who ask at once get one look. */
  set(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.clear();
    this.#atMs = atMs;
    const fire = () => {
      this.#atMs = Infinity;
      this.look();
    };
    const delayMs = atMs - performance.now();
    if (delayMs <= 0) this.#immediate = setImmediate(fire);
    else this.#timeout = setTimeout(fire, delayMs);
  }

  clear(): void {
    clearTimeout(this.#timeout);
    clearImmediate(this.#immediate);
    this.#atMs = Infinity;
  }
}
