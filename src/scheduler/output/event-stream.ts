import { isUtf8 } from 'node:buffer';
import type { FollowEvent } from './follow-output.ts';
import { encodeCursor, encodeEnd, type OutputCursor } from './output-cursor.ts';
import type { ReadingStep } from './reading.ts';
import type { OutputChoice } from './stream-view.ts';

/** How long a client may wait before it connects again when the connection breaks. */
const RETRY_MS = 1_000;
/** Sent at once, so that a client sees that it is connected. */
export const EVENT_STREAM_START = `retry: ${RETRY_MS}\n\n`;

/** Text is handed on in parts of about this length. */
const PART_LENGTH = 64 * 1024;

/** What is followed as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function* toEventStream(event: FollowEvent, choice: OutputChoice): Generator<string, void> {
  switch (event.kind) {
    case 'output': {
      let part = '';
      for (const step of event.steps) {
        part += stepText(step, choice);
        if (part.length < PART_LENGTH) continue;
        yield part;
        part = '';
      }
      yield part;
      return;
    }
    case 'attempt':
      yield message('attempt', encodeCursor(event.cursor), { attempt: event.cursor.attempt });
      return;
    case 'quiet':
      yield ': still here\n\n';
      return;
    case 'end':
      yield endText(event.cursor, event);
      return;
  }
}

/** What is followed as nothing but the bytes. */
export function* toBytes(event: FollowEvent, choice: OutputChoice): Generator<Buffer, void> {
  if (event.kind !== 'output') return;
  yield Buffer.concat(
    event.steps.flatMap((step) => (step.kind === 'bytes' && isChosen(step.stream, choice) ? [step.bytes] : [])),
  );
}

function stepText(step: ReadingStep, choice: OutputChoice): string {
  const id = encodeCursor(step.cursor);
  if (step.kind === 'gap') {
    const dropped = choice === 'all' ? step.stdout + step.stderr : step[choice];
    return dropped > 0 ? message('gap', id, { dropped }) : '';
  }
  const { bytes, position, stream } = step;
  if (!isChosen(stream, choice)) return '';
  const content = isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
  return message('output', id, { stream, ...content, position });
}

function endText(cursor: OutputCursor, { progress }: Extract<FollowEvent, { kind: 'end' }>): string {
  const { error, exitCode, reason, signal, state } = progress;
  return message('end', encodeEnd(cursor), {
    attempt: cursor.attempt,
    state,
    reason,
    exit_code: exitCode,
    signal,
    error,
  });
}

function isChosen(stream: 'stdout' | 'stderr', choice: OutputChoice): boolean {
  return choice === 'all' || choice === stream;
}

/** JSON has no line breaks, so that the data is one line. */
function message(event: string, id: string, data: object): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}
