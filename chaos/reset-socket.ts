import type { Socket } from 'node:net';

/**
 * Ends a connection so that the other side sees a reset. One that is just saying goodbye cannot be reset: Node.js
 * (20.20) fails with EINVAL then, never closes it, and spins for ever when the process is to end. So it is closed.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
