import { freePort } from '../src/cli/free-port.ts';

/** Ports of 127.0.0.1 that nothing listens on, each given once: what is closed for a while must find its port free. */
export class Ports {
  readonly #given = new Set<number>();

  /** @throws Error when none is found. */
  async next(): Promise<number> {
    let port = await freePort();
    while (this.#given.has(port)) port = await freePort();
    this.#given.add(port);
    return port;
  }
}
