import {
  credentials,
  makeGenericClientConstructor,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { protoPath as healthProto } from 'grpc-health-check';
import type { Json, JsonObject } from './told.ts';

type Client = InstanceType<ServiceClientConstructor>;
type Answer = (error: ServiceError | null, answer: object) => void;

const fileAt = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** Makes calls as grpcurl does: of any method, with JSON. */
export class GrpcCalls {
  readonly #definitions = loadDefinitions();
  readonly #clients = new Map<string, Client>();

  constructor(private readonly address: string) {}

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  /** `method` has a slash before its name. Rejects with a ServiceError. */
  call(method: string, request: object): Promise<Json> {
    const { client, name } = this.#find(method);
    return new Promise<Json>((resolve, reject) => {
      const invoke = client[name] as (request: object, answer: Answer) => void;
      invoke.call(client, request, (error, answer) => {
        if (error === null) resolve(asPrinted(answer));
        else reject(error);
      });
    });
  }

  /** Returns at once; what comes is in the array from then on, until the server ends the call. */
  watch(method: string, request: object): readonly JsonObject[] {
    const { client, name } = this.#find(method);
    const received: JsonObject[] = [];
    const open = client[name] as (request: object) => NodeJS.EventEmitter;
    open
      .call(client, request)
      .on('data', (message: object) => received.push(asPrinted(message) as JsonObject))
      .on('error', () => undefined);
    return received;
  }

  /** Names of the services, by server reflection. */
  async listServices(): Promise<string[]> {
    const { client, name } = this.#find('grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
    const open = client[name] as () => NodeJS.EventEmitter & { write(request: object): void; end(): void };
    const stream = open.call(client);
    const answer = new Promise<{ list_services_response: { service: { name: string }[] } }>((resolve, reject) => {
      stream.once('data', resolve).once('error', reject);
    });
    stream.write({ list_services: '*' });
    const { list_services_response: list } = await answer;
    stream.end();
    return list.service.map((service) => service.name).sort();
  }

  /** `service.Method` of each. */
  listMethods(service: string): string[] {
    const methods = Object.keys(this.#definitions[service] as ServiceDefinition);
    return methods.map((name) => `${service}.${name}`).sort();
  }

  /** `name = number` of each field. */
  listFields(message: string): string[] {
    const { type } = this.#definitions[message] as { type: { field: { name: string; number: number }[] } };
    return type.field.map(({ name, number }) => `${name} = ${number}`);
  }

  /** One connection for each service, on which calls arrive in the order in which they are made. */
  #find(method: string): { client: Client; name: string } {
    const [service = '', name = ''] = method.split('/');
    let client = this.#clients.get(service);
    if (client === undefined) {
      const Constructor = makeGenericClientConstructor(this.#definitions[service] as ServiceDefinition, service);
      client = new Constructor(this.address, credentials.createInsecure());
      this.#clients.set(service, client);
    }
    return { client, name };
  }
}

/** Messages as the wire has them: without defaults, so that what was not sent is not there. */
function loadDefinitions(): PackageDefinition {
  const options = { keepCase: true, longs: Number, enums: String };
  const reflection = fileAt('node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto');
  return {
    ...loadSync(['hydra/v1/debug.proto', 'hydra/v1/session.proto'], { ...options, includeDirs: [fileAt('proto')] }),
    ...loadSync([healthProto, reflection], options),
  };
}

/** grpcurl leaves out what has the default value of its type, unless the field is `optional`. */
function asPrinted(value: unknown): Json {
  if (Array.isArray(value)) return value.map(asPrinted);
  if (typeof value !== 'object' || value === null) return value as Json;
  const entries = Object.entries(value).map(([name, item]) => [name, asPrinted(item)] as const);
  return Object.fromEntries(
    entries.filter(([name, item]) => name === 'exit_code' || name === 'signal' || !isDefault(item)),
  );
}

function isDefault(value: Json): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false || value === null;
}
