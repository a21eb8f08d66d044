import { Type } from 'typebox';

const Fault = Type.Object({
  field: Type.String({ description: 'Where, such as `scheduled_at` or `tasks[3].command`; `body` for the whole.' }),
  message: Type.String({ description: 'What is wrong and what would be right.' }),
});

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String({ description: 'What the status means.' }),
    status: Type.Integer(),
    code: Type.String({ description: 'The kind of fault, for programs.', examples: ['invalid_argument'] }),
    detail: Type.String({ description: 'What happened, for people.' }),
    errors: Type.Array(Fault, { description: 'Each fault of the request; at most 100.' }),
  },
  {
    $id: 'Problem',
    description: 'Why a request was not fulfilled (RFC 9457).',
    examples: [
      {
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
        code: 'invalid_argument',
        detail: 'priority: is 101; give a whole number from -100 to 100',
        errors: [{ field: 'priority', message: 'is 101; give a whole number from -100 to 100' }],
      },
    ],
  },
);

const DESCRIPTIONS = {
  400: 'Something in the request is wrong; `errors` says what and what would be right.',
  404: 'There is no such task, attempt or worker.',
  409: 'Not possible in the state that the task is in.',
  413: 'The body is larger than allowed.',
  415: 'The body is not JSON sent as `application/json`.',
  503: 'PostgreSQL is away or overloaded; try again after the seconds in `Retry-After`.',
} as const;

/** The answers of a route that are not successes, for its schema. */
export function problems(...statuses: readonly (keyof typeof DESCRIPTIONS)[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: DESCRIPTIONS[status],
        ...(status === 503 && { headers: { 'Retry-After': { type: 'integer', description: 'Seconds.' } } }),
        content: { 'application/problem+json': { schema: Type.Ref('Problem#') } },
      },
    ]),
  );
}
