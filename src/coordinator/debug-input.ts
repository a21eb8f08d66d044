import { invalidArgument } from '../domain/errors.ts';
import type { SubmitTaskRequest__Output } from '../rpc/generated/hydra/v1/SubmitTaskRequest.ts';

/** Fields of a task that SubmitTaskRequest has itself. */
const TYPED = ['command', 'scheduled_at', 'queue', 'priority', 'labels', 'idempotency_key'];

/**
 * What POST /schedule would take. Protobuf says "not given" with empty values.
 * @throws HydraError when `options_json` is not a JSON object, or names a field that the request has itself.
 */
export function toTaskInput(request: SubmitTaskRequest__Output): Record<string, unknown> {
  const { command, idempotency_key: key, labels, priority, queue, scheduled_at: scheduledAt } = request;
  return {
    ...(command === '' ? {} : { command }),
    scheduled_at: scheduledAt,
    priority,
    labels,
    ...(queue === '' ? {} : { queue }),
    ...(key === '' ? {} : { idempotency_key: key }),
    ...parseOptions(request.options_json),
  };
}

function parseOptions(json: string): object {
  if (json === '') return {};
  let options: unknown;
  try {
    options = JSON.parse(json);
  } catch (error) {
    throw fault('options_json', `is not JSON (${(error as Error).message}); give a JSON object`);
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw fault('options_json', 'is not a JSON object; give one such as {"timeout_ms": 5000}');
  }
  const repeated = TYPED.find((name) => Object.hasOwn(options, name));
  if (repeated !== undefined) {
    throw fault(`options_json.${repeated}`, `is not taken here; use the field ${repeated} of the request`);
  }
  return options;
}

function fault(field: string, message: string): Error {
  return invalidArgument([{ field, message }]);
}
