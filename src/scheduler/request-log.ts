import type { FastifyRequest } from 'fastify';
import type { SchedulerMetrics } from './metrics.ts';
import type { Problem } from './problem.ts';
import type { App } from './services.ts';

/** Measures every request, and logs it for debugging. */
export function observeRequests(app: App, metrics: SchedulerMetrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url } = request;
    const status = reply.statusCode;
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requestDuration.observe({ method, route, status }, reply.elapsedTime / 1000);
    request.log.debug({ method, url, status, ms: Math.round(reply.elapsedTime * 10) / 10 }, 'request');
    done();
  });
}

/** Logs why a request was not fulfilled, at the level that deserves. Those who ask for readiness ask often. */
export function logProblem({ status, detail }: Problem, error: unknown, request: FastifyRequest): void {
  const { method, url } = request;
  const line = { method, url, status };
  if (request.routeOptions.url === '/readyz') request.log.debug(line, detail);
  else if (status < 500) request.log.info(line, detail);
  else if (status === 503) request.log.warn({ ...line, cause: rootMessage(error) }, detail);
  else request.log.error({ ...line, err: error }, detail);
}

/** What lies at the bottom: the message of `pg` or of the system. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === '') return rootMessage(error.errors[0]);
  return error.cause === undefined ? error.message : rootMessage(error.cause);
}
