import { Type } from 'typebox';
import type { App, Services } from '../services.ts';

/** `GET /metrics` */
export function addMetricsRoute(app: App, { metrics }: Services): void {
  const schema = {
    summary: 'Read metrics',
    description: 'For Prometheus. Works without PostgreSQL; `hydra_database_up` is then 0.',
    tags: ['operation'],
    operationId: 'getMetrics',
    response: { 200: { description: 'The metrics.', content: { 'text/plain': { schema: Type.String() } } } },
  };
  app.get('/metrics', { schema }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.scrape()),
  );
}
