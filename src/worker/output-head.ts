import type { Output } from '../rpc/messages.ts';

/** Keeps the first `capBytes` of a stream and counts the rest, so that a command may write without end. */
export class OutputHead {
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #totalBytes = 0;

  constructor(private readonly capBytes: number) {}

  push(chunk: Buffer): void {
    this.#totalBytes += chunk.length;
    const room = this.capBytes - this.#keptBytes;
    if (room <= 0) return;
    const part = chunk.subarray(0, room);
    this.#kept.push(part);
    this.#keptBytes += part.length;
  }

  toOutput(): Output {
    return { head: Buffer.concat(this.#kept), totalBytes: this.#totalBytes };
  }
}
