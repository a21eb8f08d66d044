import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from './services.ts';

/** Closes connections beyond so many at once; `onDropped` is told of each. */
export function limitConnections(app: App, most: number, onDropped: () => void): void {
  app.server.maxConnections = most;
  app.server.on('drop', onDropped);
}

/**
 * Lets no connection hold the stop. Node closes those that are idle between two requests by itself; left to do are those
 * that have not sent a request yet, which are cut, and those whose request is under way, which end with its answer.
 */
export function closeConnections(app: App): void {
  const unused = new Set<Socket>();
  let closing = false;
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
  app.addHook('preClose', (done) => {
    closing = true;
    for (const socket of unused) socket.destroy();
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close');
    done(null, payload);
  });
}
