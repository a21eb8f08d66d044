import { isUtf8 } from 'node:buffer';
import { Type } from 'typebox';
import { getOutput } from '../../db/get-output.ts';
import { HydraError } from '../../domain/errors.ts';
import { isTruncated, toOutputText } from '../output-text.ts';
import { Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import { TaskId } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';
import { unknownTask } from './task.ts';

const STREAMS = ['stdout', 'stderr'] as const;
const MAX_ATTEMPT = 2 ** 31 - 1;

const Stream = (description: string) =>
  Type.Object(
    {
      text: Type.String({ description: 'The first bytes, up to the cap of the worker.' }),
      encoding: Words(['utf-8', 'base64'], { description: '`base64` when the bytes are not valid UTF-8.' }),
      bytes: Type.Integer({ description: 'All bytes that were written, kept or not.' }),
      truncated: Type.Boolean({ description: 'Only the first bytes were kept.' }),
    },
    { description },
  );

/** Sent as they are. */
const Bytes = (description: string) => Type.Unsafe<Buffer>({ type: 'string', description });

/** `GET /schedule/:task_id/output` */
export function addOutputRoute(app: App, { db }: Services): void {
  const schema = {
    summary: 'Read what a command wrote',
    description:
      'Output is kept once the command has ended; before that it is empty. With `stream` the answer is the bytes of ' +
      'that stream, with `X-Hydra-Attempt`, `X-Hydra-Total-Bytes` and `X-Hydra-Truncated` as headers.',
    tags: ['tasks'],
    operationId: 'getOutput',
    params: Type.Object({ task_id: TaskId }),
    querystring: Type.Object(
      {
        attempt: Type.Optional(
          Type.Integer({ minimum: 1, maximum: MAX_ATTEMPT, description: 'Of this attempt instead of the newest.' }),
        ),
        stream: Type.Optional(Words(STREAMS, { description: 'Only this stream, as it is.' })),
      },
      { additionalProperties: false },
    ),
    response: {
      200: {
        description: 'The output.',
        content: {
          'application/json': {
            schema: Type.Object({
              task_id: TaskId,
              attempt: Type.Integer({ description: '0: the task has not been started.' }),
              stdout: Stream('Standard output.'),
              stderr: Stream('Standard error.'),
            }),
          },
          'text/plain': { schema: Bytes('With `stream`, when it is valid UTF-8.') },
          'application/octet-stream': { schema: Bytes('With `stream`, otherwise.') },
        },
      },
      ...problems(400, 404, 503),
    },
  };
  app.get('/schedule/:task_id/output', { schema }, async (request, reply) => {
    const { task_id: taskId } = request.params;
    const { attempt, stream } = request.query;
    const output = await getOutput(db, taskId, attempt ?? null);
    if (output === null) throw unknownTask(taskId);
    if (attempt !== undefined && attempt > output.newestAttempt) {
      const message = `there is no attempt ${attempt}; the task has had ${output.newestAttempt}`;
      throw new HydraError('not_found', message, [{ field: 'attempt', message }]);
    }
    if (stream === undefined) {
      return reply.type('application/json; charset=utf-8').send({
        task_id: taskId.toLowerCase(),
        attempt: output.attempt,
        stdout: toOutputText(output.stdout),
        stderr: toOutputText(output.stderr),
      });
    }
    const { kept, totalBytes } = output[stream];
    return reply
      .type(isUtf8(kept) ? 'text/plain; charset=utf-8' : 'application/octet-stream')
      .header('x-content-type-options', 'nosniff')
      .header('x-hydra-attempt', output.attempt)
      .header('x-hydra-total-bytes', totalBytes)
      .header('x-hydra-truncated', String(isTruncated(output[stream])))
      .send(kept);
  });
}
