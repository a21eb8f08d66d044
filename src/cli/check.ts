/** How long the answer may take. */
const CHECK_TIMEOUT_MS = 5_000;

/**
 * Asks a process whether it is healthy, by HTTP, where any 2xx status says so, or by `grpc.health.v1`. The result is
 * `null`, or a sentence that says why not.
 * @param url such as `http://127.0.0.1:5000/readyz` or `grpc://127.0.0.1:5001`
 */
export async function checkHealth(url: string): Promise<string | null> {
  if (/^https?:\/\/./.test(url)) return checkHttp(url);
  const target = /^grpc:\/\/([^/]+)\/?$/.exec(url)?.[1];
  if (target !== undefined) {
    // A check by HTTP, made every few seconds, need not load gRPC.
    const { checkGrpc } = await import('./check-grpc.ts');
    return checkGrpc(target, CHECK_TIMEOUT_MS);
  }
  return `${url} is not a URL that can be checked; give http://host:port/path or grpc://host:port`;
}

async function checkHttp(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) });
    if (response.ok) return null;
    const body = (await response.text()).trim().slice(0, 500);
    return `${url} answers ${response.status}${body === '' ? '' : `: ${body}`}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url} does not answer: ${cause instanceof Error ? cause.message : message}`;
  }
}
