import { credentials, makeGenericClientConstructor, type requestCallback } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';

const TIMEOUT_MS = 5_000;

/**
 * Asks a process whether it is healthy; the result is `null`, or a sentence that says why not. By HTTP, where any 2xx status says so, or by `grpc.health.v1`.
 * @param url such as `http://127.0.0.1:5000/readyz` or `grpc://127.0.0.1:5001`
 */
export async function checkHealth(url: string): Promise<string | null> {
  if (/^https?:\/\/./.test(url)) return checkHttp(url);
  const target = /^grpc:\/\/([^/]+)\/?$/.exec(url)?.[1];
  if (target !== undefined) return checkGrpc(target);
  return `${url} is not a URL that can be checked; give http://host:port/path or grpc://host:port`;
}

async function checkHttp(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok) return null;
    const body = (await response.text()).trim().slice(0, 500);
    return `${url} answers ${response.status}${body === '' ? '' : `: ${body}`}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url} does not answer: ${cause instanceof Error ? cause.message : message}`;
  }
}

interface HealthClient {
  check(
    request: { readonly service: string },
    options: { readonly deadline: number },
    callback: requestCallback<{ readonly status: string }>,
  ): void;
  close(): void;
}

async function checkGrpc(target: string): Promise<string | null> {
  const Client = makeGenericClientConstructor(healthService, 'grpc.health.v1.Health');
  const client = new Client(target, credentials.createInsecure()) as unknown as HealthClient;
  return new Promise((resolve) => {
    client.check({ service: '' }, { deadline: Date.now() + TIMEOUT_MS }, (error, response) => {
      client.close();
      if (error !== null) resolve(`grpc://${target} does not answer: ${error.details}`);
      else if (response?.status === 'SERVING') resolve(null);
      else resolve(`grpc://${target} answers ${response?.status ?? 'nothing'}`);
    });
  });
}
