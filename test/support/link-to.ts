import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Link } from '../../chaos/link.ts';
import { Ports } from '../../chaos/ports.ts';

export interface LinkedUrl {
  readonly link: Link;
  /** The same by way of the link. */
  readonly url: string;
}

const ports = new Ports();

/** Puts a link that can be broken in front of a PostgreSQL that runs. */
export async function linkTo(target: string): Promise<LinkedUrl> {
  const url = new URL(target);
  const port = await ports.next();
  const link = new Link('to PostgreSQL', port, Number(url.port));
  link.open();
  url.port = String(port);
  while (!(await accepts(port))) await delay(5);
  return { link, url: url.href };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
