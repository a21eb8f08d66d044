import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Service } from './service.ts';

export interface Readiness {
  /** Whether work can be sent here. */
  readonly ready: boolean;
  /** What was looked at, each with `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Asked at each /readyz; a rejection counts as not ready. */
  readonly readiness: () => Promise<Readiness>;
  readonly registry: Registry;
}

/**
 * The HTTP side of processes whose work is not HTTP: `/healthz` (the process answers), `/readyz` (200 or 503) and
 * `/metrics` (Prometheus). GET and HEAD only.
 */
export class HealthServer implements Service {
  readonly #server: Server;

  constructor(private readonly options: HealthServerOptions) {
    this.#server = createServer((request, response) => {
      void this.#answer(request.method ?? '', request.url ?? '', response);
    });
  }

  /** Where it listens, once started. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.options.port;
  }

  /** Rejects with the system's error when the address cannot be listened on. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.options.port, this.options.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((resolve) => {
      this.#server.close(resolve);
      // Only probes and scrapes are cut off, and they come again.
      this.#server.closeAllConnections();
    });
  }

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD') {
      sendJson(response.setHeader('allow', 'GET, HEAD'), 405, { message: 'only GET and HEAD are answered here' });
      return;
    }
    const path = url.split('?', 1)[0];
    if (path === '/healthz') sendJson(response, 200, { status: 'ok' });
    else if (path === '/readyz') await this.#answerReadiness(response);
    else if (path === '/metrics') await this.#answerMetrics(response);
    else sendJson(response, 404, { message: 'try /healthz, /readyz or /metrics' });
  }

  async #answerReadiness(response: ServerResponse): Promise<void> {
    const readiness = await this.options.readiness().catch((error: unknown): Readiness => {
      return { ready: false, checks: { readiness: error instanceof Error ? error.message : String(error) } };
    });
    sendJson(response, readiness.ready ? 200 : 503, readiness);
  }

  async #answerMetrics(response: ServerResponse): Promise<void> {
    try {
      const body = await this.options.registry.metrics();
      response.writeHead(200, { 'content-type': this.options.registry.contentType }).end(body);
    } catch (error) {
      sendJson(response, 500, { message: error instanceof Error ? error.message : String(error) });
    }
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
