import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { CHANNEL_OPTIONS, services } from '../rpc/load-proto.ts';
import { reflectionService } from '../rpc/reflection.ts';
import type { DebugHandlers } from '../rpc/generated/hydra/v1/Debug.ts';
import type { CoordinatorHandlers } from '../rpc/generated/hydra/v1/Coordinator.ts';
import type { Service } from '../runtime/service.ts';

/** How long calls may take to end by themselves when the server stops. */
const SHUTDOWN_MS = 2_000;

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly coordinator: CoordinatorHandlers;
  readonly debug: DebugHandlers;
}

/** The gRPC server: sessions, debugging, health and reflection (v1 and v1alpha). */
export class GrpcServer implements Service {
  readonly #server = new Server(CHANNEL_OPTIONS);
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING', 'hydra.v1.Coordinator': 'NOT_SERVING' });
  #serving = false;
  #port = 0;

  constructor(private readonly options: GrpcServerOptions) {
    const { Coordinator, Debug } = services();
    this.#server.addService(Coordinator.service, options.coordinator);
    this.#server.addService(Debug.service, options.debug);
    this.#health.addToServer(this.#server);
    reflectionService().addToServer(this.#server);
  }

  /** `host:port` it listens on, once started. */
  get address(): string {
    const { host } = this.options;
    return `${host.includes(':') ? `[${host}]` : host}:${this.#port || this.options.port}`;
  }

  async start(): Promise<void> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(new Error(`cannot listen on ${this.address}: ${error.message}`, { cause: error }));
      });
    });
  }

  /** What `grpc.health.v1` answers, for the whole server and for `hydra.v1.Coordinator`. */
  setServing(serving: boolean): void {
    // Each call is told to everybody who watches, whether or not they read it.
    if (serving === this.#serving) return;
    this.#serving = serving;
    const status = serving ? 'SERVING' : 'NOT_SERVING';
    this.#health.setStatus('', status);
    this.#health.setStatus('hydra.v1.Coordinator', status);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), SHUTDOWN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        this.#server.forceShutdown();
        resolve();
      });
    });
  }
}
