/** Longest delay that Node's timers take, in milliseconds; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Something that happens at most once, after a delay of any length. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;

  /** Sets it anew: `ring` is called after `delayMs`, and what was set before is not. */
  set(delayMs: number, ring: () => void): void {
    this.clear();
    this.#timer = setTimeout(
      () => (delayMs > MAX_TIMER_MS ? this.set(delayMs - MAX_TIMER_MS, ring) : ring()),
      Math.min(Math.max(0, delayMs), MAX_TIMER_MS),
    );
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether `promise` is settled within `ms`. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
