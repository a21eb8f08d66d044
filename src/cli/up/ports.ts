import { createServer } from 'node:net';
import { CliError } from '../cli-error.ts';
import type { Address } from './config.ts';

/**
 * The address with a port that is free at the moment.
 * @throws CliError naming the port and the flag when it is not.
 */
export async function claimPort(address: Address, flag: string): Promise<Address> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(address.port, address.host, resolve);
    });
    const bound = server.address();
    return { host: address.host, port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
  } catch (error) {
    const where = `port ${address.port} of ${address.host}`;
    throw new CliError(
      (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        ? `${where} is in use; stop what listens there, or give another port with ${flag}`
        : `cannot listen on ${where}: ${(error as Error).message}`,
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** How a process of this machine reaches what listens there. */
export function dialable(address: Address): string {
  const host = address.host === '0.0.0.0' ? '127.0.0.1' : address.host === '::' ? '::1' : address.host;
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}
