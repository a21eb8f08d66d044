import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../runtime/logger.ts';
import { answerBrokenRequest } from './broken-request.ts';
import { closeConnections, limitConnections } from './connections.ts';
import { translateFrameworkError } from './framework-faults.ts';
import { guardHost } from './host-guard.ts';
import { acceptJsonOnly } from './json-body.ts';
import { limitLoad } from './limit-load.ts';
import { describeRoutes } from './openapi.ts';
import { guardOrigin } from './origin-guard.ts';
import { PROBLEM_TYPE, toProblem } from './problem.ts';
import { logProblem, observeRequests } from './request-log.ts';
import { RouteTable } from './route-table.ts';
import { addAboutRoutes } from './routes/about.ts';
import { addAttemptsRoute } from './routes/attempts.ts';
import { addCancelManyRoute } from './routes/cancel-many.ts';
import { addCancelRoute } from './routes/cancel.ts';
import { addDrainRoute } from './routes/drain.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addOutputRoute } from './routes/output.ts';
import { addRetryRoute } from './routes/retry.ts';
import { addRunNowRoute } from './routes/run-now.ts';
import { addStatsRoute } from './routes/stats.ts';
import { addSubmitBatchRoute } from './routes/submit-batch.ts';
import { addSubmitRoute } from './routes/submit.ts';
import { addTaskListRoute } from './routes/task-list.ts';
import { addTaskRoute } from './routes/task.ts';
import { addWorkersRoute } from './routes/workers.ts';
import { ProblemSchema } from './schemas/problem.ts';
import { TaskDetailSchema, TaskInputSchema, TaskSchema } from './schemas/task.ts';
import { WorkerSchema } from './schemas/worker.ts';
import type { App, Services } from './services.ts';
import { compileValidator } from './validation.ts';

export interface AppOptions {
  readonly logger: Logger;
  /** Names that requests may be addressed to, beside `localhost` and IP addresses; `null`: any. */
  readonly allowedHosts: readonly string[] | null;
}

/** For bodies that no route reads. */
const BODY_LIMIT_BYTES = 64 * 1024;
/** How long a request may take to arrive, that of a large batch over a slow line included. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Longer than any id, so that what is wrong with it is said by the route. Node takes 16 KiB of headers. */
const MAX_PARAM_LENGTH = 16_384;

/** The REST API, not listening. */
export async function buildApp(services: Services, options: AppOptions): Promise<App> {
  // Named for what Fastify needs of it, so that the type of the app does not depend on the logger.
  const logger: FastifyBaseLogger = options.logger;
  const app: App = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // Requests that come on an open connection while it stops are answered, and are told that it closes.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, services.onBound),
  }).withTypeProvider<TypeBoxTypeProvider>();

  closeConnections(app);
  limitConnections(app, services.limits.connections, () => services.onBound('connections'));
  app.setErrorHandler((error, request, reply) => {
    const sent = sendProblem(error, request, reply);
    if (sent.statusCode === 413) services.onBound('request_body');
    return sent;
  });
  app.setValidatorCompiler(compileValidator);
  acceptJsonOnly(app);
  observeRequests(app, services.metrics);
  guardHost(app, options.allowedHosts);
  const routes = new RouteTable(app);
  guardOrigin(app, options.allowedHosts);
  limitLoad(app, services);
  const schemas = [ProblemSchema, TaskInputSchema, TaskSchema, TaskDetailSchema, WorkerSchema];
  for (const schema of schemas) app.addSchema(schema);
  await describeRoutes(app);

  addSubmitRoute(app, services);
  addSubmitBatchRoute(app, services);
  addTaskListRoute(app, services);
  addTaskRoute(app, services);
  addCancelRoute(app, services);
  addCancelManyRoute(app, services);
  addRetryRoute(app, services);
  addRunNowRoute(app, services);
  addAttemptsRoute(app, services);
  addOutputRoute(app, services);
  addWorkersRoute(app, services);
  addDrainRoute(app, services);
  addStatsRoute(app, services);
  addHealthRoutes(app, services);
  addMetricsRoute(app, services);
  addAboutRoutes(app, routes);
  await app.ready();
  return app;
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { problem, headers } = toProblem(translateFrameworkError(error, request), request.id);
  logProblem(problem, error, request);
  return reply.status(problem.status).headers(headers).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}
