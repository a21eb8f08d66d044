import { credentials, makeGenericClientConstructor, type requestCallback } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';

interface HealthClient {
  check(
    request: { readonly service: string },
    options: { readonly deadline: number },
    callback: requestCallback<{ readonly status: string }>,
  ): void;
  close(): void;
}

/** Asks by `grpc.health.v1`; the result is `null` when it serves, or a sentence that says why not. */
export async function checkGrpc(target: string, timeoutMs: number): Promise<string | null> {
  const Client = makeGenericClientConstructor(healthService, 'grpc.health.v1.Health');
  const client = new Client(target, credentials.createInsecure()) as unknown as HealthClient;
  return new Promise((resolve) => {
    client.check({ service: '' }, { deadline: Date.now() + timeoutMs }, (error, response) => {
      client.close();
      if (error !== null) resolve(`grpc://${target} does not answer: ${error.details}`);
      else if (response?.status === 'SERVING') resolve(null);
      else resolve(`grpc://${target} answers ${response?.status ?? 'nothing'}`);
    });
  });
}
