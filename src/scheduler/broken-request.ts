import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Bound } from './metrics.ts';
import { PROBLEM_TYPE, type Problem } from './problem.ts';

interface ConnectionError extends Error {
  readonly code: string;
}

/** What Node's parser refuses, by its error code. */
const FAULTS: Readonly<Record<string, readonly [status: number, detail: string, bound: Bound]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the URL and headers are too long; send less than 16 KiB', 'request_head'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive', 'request_time'],
};

/** Answers what is not HTTP, or not all of a request, where there is no request to reply to. */
export function answerBrokenRequest(error: ConnectionError, socket: Socket, onBound: (bound: Bound) => void): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail, bound] = FAULTS[error.code] ?? [400, 'this is not an HTTP request'];
  if (bound !== undefined) onBound(bound);
  const title = STATUS_CODES[status] ?? 'Error';
  const problem: Problem = { type: 'about:blank', title, status, code: 'invalid_request', detail, errors: [] };
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
