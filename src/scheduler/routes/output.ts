import { Type } from 'typebox';
import { withOutput } from '../output/find-output.ts';
import { sendOutputBytes } from '../output/output-bytes.ts';
import { toOutputJson } from '../output/output-json.ts';
import { OutputWatch } from '../output/output-watch.ts';
import { sendFollowed } from '../output/send-followed.ts';
import { OUTPUT_CHOICES, viewOf } from '../output/stream-view.ts';
import { Nullable, Words } from '../schemas/nullable.ts';
import { problems } from '../schemas/problem.ts';
import { TaskId, TaskParams } from '../schemas/task.ts';
import type { App, Services } from '../services.ts';

const MAX_ATTEMPT = 2 ** 31 - 1;
const MAX_TAIL = 2 ** 31 - 1;

const Stream = (description: string) =>
  Type.Object(
    {
      text: Type.String({
        description: 'What is kept: all, or where more was written than is kept, the first and the last bytes, joined.',
      }),
      encoding: Words(['utf-8', 'base64'], { description: '`base64` when the bytes are not valid UTF-8.' }),
      bytes: Type.Integer({ description: 'All bytes that were written so far, kept or not.' }),
      truncated: Type.Boolean({ description: 'More was written than is kept.' }),
      dropped_bytes: Type.Integer({ description: 'How many bytes were not kept.' }),
      gap_at: Nullable(
        Type.Integer({
          description:
            'How many of the bytes that `text` stands for come before those that were not kept; null: none are missing ' +
            'in it.',
        }),
      ),
    },
    { description },
  );

/** Sent as they are. */
const Bytes = (description: string) => Type.Unsafe<Buffer>({ type: 'string', description });

const bytesHeaders = {
  'X-Hydra-Attempt': { type: 'integer', description: 'Whose output it is.' },
  'X-Hydra-Complete': { type: 'boolean', description: 'Nothing more comes.' },
  'X-Hydra-Total-Bytes': { type: 'integer', description: 'Bytes written so far, kept or not.' },
  'X-Hydra-Dropped-Bytes': { type: 'integer', description: 'Bytes that were not kept.' },
  'X-Hydra-Truncated': { type: 'boolean', description: 'Bytes were not kept.' },
  'X-Hydra-Gap-At': {
    type: 'integer',
    description: 'How many of the kept bytes come before those that were not kept. Not sent when all were.',
  },
};

const description = `What the newest attempt wrote, as far as it is stored: while the command runs, it is a moment behind.
Of an attempt that writes more than its limit the first and the last half of the limit are kept, while it runs the first
half and the newest of the rest.

* **As JSON**, without \`stream\`: both streams as text.
* **As bytes**, with \`stream\`: exactly what was written; \`all\` is both in the order in which they were read. Where bytes
  were not kept nothing is put in their place: \`X-Hydra-Gap-At\` says where that is. \`Range: bytes=\` counts kept bytes.
* **Followed**, with \`follow=1\`: what is written from the beginning on, and as it is written, through retries until the
  task has ended; with \`attempt\`, until that attempt has. Without \`Accept: text/event-stream\` it is bytes, of both
  streams unless \`stream\` says, for \`curl -N\`.

Server-sent events are \`output\` with \`{stream, text or base64, position}\`, \`gap\` with \`{dropped}\` where bytes were not
kept, \`attempt\` with \`{attempt}\` where another one begins, and \`end\` with \`{attempt, state, reason, exit_code, signal,
error}\`, after which the answer ends. Each has an \`id\` to go on from with \`Last-Event-ID\`, as browsers do by themselves:
nothing is repeated, and nothing left out but what was dropped meanwhile. After \`end\` the answer to that is 204.`;

/** `GET /schedule/:task_id/output` */
export function addOutputRoute(app: App, { answers, db, limits, onBound }: Services): void {
  const watch = new OutputWatch(db, app.log);
  app.addHook('preClose', () => watch.stop());
  const schema = {
    summary: 'Read what a command writes',
    description,
    tags: ['tasks'],
    operationId: 'getOutput',
    params: TaskParams,
    querystring: Type.Object(
      {
        attempt: Type.Optional(
          Type.Integer({ minimum: 1, maximum: MAX_ATTEMPT, description: 'Of this attempt instead of the newest.' }),
        ),
        stream: Type.Optional(
          Words(OUTPUT_CHOICES, { description: 'Only this stream, as it is; `all`: both as they were written.' }),
        ),
        tail: Type.Optional(
          Type.Integer({ minimum: 0, maximum: MAX_TAIL, description: 'Only the last so many bytes of each stream.' }),
        ),
        follow: Type.Optional(
          Words(['1', 'true', '0', 'false'], { description: '`1`: go on until the end. With `tail`: from there.' }),
        ),
      },
      { additionalProperties: false },
    ),
    response: {
      200: {
        description: 'The output.',
        headers: bytesHeaders,
        content: {
          'application/json': {
            schema: Type.Object({
              task_id: TaskId,
              attempt: Type.Integer({ description: '0: the task has not been started.' }),
              complete: Type.Boolean({ description: 'Nothing more comes.' }),
              stdout: Stream('Standard output.'),
              stderr: Stream('Standard error.'),
            }),
          },
          'text/plain': { schema: Bytes('With `stream`, when it is valid UTF-8 as far as its beginning tells.') },
          'application/octet-stream': { schema: Bytes('With `stream`, otherwise.') },
          'text/event-stream': { schema: Bytes('With `follow`, for those who accept it.') },
        },
      },
      204: Type.Null({ description: 'With `follow`: the `end` was sent before.' }),
      206: {
        description: 'The bytes that `Range` asks for.',
        headers: {
          ...bytesHeaders,
          'Content-Range': { type: 'string', description: 'Which of how many kept bytes these are.' },
        },
        content: {
          'text/plain': { schema: Bytes('When it is valid UTF-8 as far as its beginning tells.') },
          'application/octet-stream': { schema: Bytes('Otherwise.') },
        },
      },
      416: {
        description: 'No kept byte is in the range.',
        content: { 'application/problem+json': { schema: Type.Ref('Problem#') } },
      },
      ...problems(400, 404, 503),
    },
  };
  app.get('/schedule/:task_id/output', { schema }, async (request, reply) => {
    const taskId = request.params.task_id.toLowerCase();
    const { attempt = null, follow = '0', stream, tail } = request.query;
    const exchange = { request, reply, onSlow: () => onBound('slow_reader') };
    return withOutput(db, taskId, attempt, async (output) => {
      if (follow === '1' || follow === 'true') {
        return sendFollowed(db, watch, { taskId, attempt, stream: stream ?? 'all', tail }, output, exchange);
      }
      if (stream !== undefined) return sendOutputBytes(db, taskId, output, { stream, tail }, exchange);
      // It is put together in memory, and others with it.
      const bytes = Math.min(viewOf(output.spans, 'all').keptBytes, 2 * (tail ?? Infinity));
      if (bytes > limits.smallBytes && answers.of(reply.raw) === 0) answers.hold(reply.raw, bytes);
      return reply.type('application/json; charset=utf-8').send(await toOutputJson(db, taskId, output, tail));
    });
  });
}
