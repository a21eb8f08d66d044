import type { FastifyRequest } from 'fastify';
import { HttpFault } from './problem.ts';

/** Fastify's own errors, told in Hydra's words; anything else passes as it is. */
export function translateFrameworkError(error: unknown, request: FastifyRequest): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const message = `is larger than the ${request.routeOptions.bodyLimit} bytes that are allowed here`;
      return new HttpFault(413, 'too_large', `body: ${message}`, [{ field: 'body', message }]);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const given = request.headers['content-type'];
      const message = `${given === undefined ? 'is missing' : `is ${given}`}; send JSON as application/json`;
      return new HttpFault(415, 'unsupported_media_type', `content-type: ${message}`, [
        { field: 'content-type', message },
      ]);
    }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': {
      const message = 'is not as long as content-length says; send all of it';
      return new HttpFault(400, 'invalid_argument', `body: ${message}`, [{ field: 'body', message }]);
    }
    case 'FST_ERR_BAD_URL': {
      const message = 'cannot be decoded; write other characters as % and two hexadecimal digits';
      return new HttpFault(400, 'invalid_argument', `url: ${message}`, [{ field: 'url', message }]);
    }
    default:
      return error;
  }
}
