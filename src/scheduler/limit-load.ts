import type { FastifyReply } from 'fastify';
import { HydraError } from '../domain/errors.ts';
import { CountedBody } from './counted-body.ts';
import type { App, Services } from './services.ts';

/** They cost nothing, and say what is going on. */
const ALWAYS: readonly (string | undefined)[] = ['/healthz', '/metrics'];

/**
 * Refuses what would be too much together with all that is under way. To be called after the guards, whose answers come
 * first.
 */
export function limitLoad(app: App, { answers, bodies, limits, onBound }: Services): void {
  const { requests, smallBytes, stuckMs } = limits;
  let underWay = 0;

  app.addHook('onRequest', (request, reply, done) => {
    underWay += 1;
    reply.raw.once('close', () => (underWay -= 1));
    reply.raw.setTimeout(stuckMs, () => cutOff(reply));
    try {
      if (underWay > requests && !ALWAYS.includes(request.routeOptions.url)) {
        onBound('requests');
        throw new HydraError('unavailable', 'too many requests are under way; try again');
      }
      const length = Number(request.headers['content-length'] ?? 0);
      // What is too long for its route is refused as such.
      if (length > smallBytes && length <= request.routeOptions.bodyLimit) bodies.hold(reply.raw, length);
      done();
    } catch (error) {
      done(error as Error);
    }
  });

  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.headers['transfer-encoding'] === undefined) {
      done(null, payload);
      return;
    }
    const counted = new CountedBody({
      limit: request.routeOptions.bodyLimit,
      hold: (bytes) => {
        if (bytes > smallBytes) bodies.hold(reply.raw, bytes - bodies.of(reply.raw));
      },
      release: () => bodies.release(reply.raw),
    });
    payload.on('error', (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  });

  app.addHook('onSend', (_request, reply, payload, done) => {
    try {
      const length = typeof payload === 'string' || payload instanceof Buffer ? payload.length : 0;
      // Some are counted before they are made.
      if (length > smallBytes && answers.of(reply.raw) === 0) answers.hold(reply.raw, length);
      done(null, payload);
    } catch (error) {
      done(error as Error);
    }
  });

  /** Silence is fine as long as nothing waits to be read. */
  function cutOff({ raw: { socket } }: FastifyReply): void {
    if (socket === null || socket.writableLength === 0) return;
    onBound('stuck_reader');
    socket.destroy();
  }
}
