import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what Linux (32768) and macOS (49152) give to outgoing connections: a port among those, free now, may be the
 * near end of somebody's connection by the time it is listened on, or when a process that died is started again.
 */
const FIRST = 20_000;
const LAST = 32_767;
const ATTEMPTS = 100;

/**
 * A port of the address that nothing listens on at the moment, and that the system gives to no outgoing connection.
 * @throws the error of the last attempt, such as one that says that the address is not of this machine.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    try {
      await listenOnce(port, host);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Listens and stops at once. @throws what kept it from listening. */
export async function listenOnce(port: number, host: string): Promise<void> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  await new Promise((resolve) => server.close(resolve));
}
