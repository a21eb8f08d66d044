import { CliError } from '../cli-error.ts';
import { freePort, listenOnce } from '../free-port.ts';
import type { Address } from './config.ts';

/**
 * The address with a port that is free at the moment: its own, or for port 0 any.
 * @throws CliError naming the port and the flag when it is not.
 */
export async function claimPort(address: Address, flag: string): Promise<Address> {
  const { host, port } = address;
  try {
    if (port === 0) return { host, port: await freePort(host) };
    await listenOnce(port, host);
    return address;
  } catch (error) {
    const where = port === 0 ? host : `port ${port} of ${host}`;
    throw new CliError(
      (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        ? `${where} is in use; stop what listens there, or give another port with ${flag}`
        : `cannot listen on ${where}: ${(error as Error).message}`,
    );
  }
}

/** How a process of this machine reaches what listens there. */
export function dialable(address: Address): string {
  const host = address.host === '0.0.0.0' ? '127.0.0.1' : address.host === '::' ? '::1' : address.host;
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}
