import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, test } from 'vitest';
import { reflectionService } from '../../src/rpc/reflection.ts';

interface Answer {
  readonly list_services_response: { readonly service: readonly { readonly name: string }[] } | null;
  readonly file_descriptor_response: { readonly file_descriptor_proto: readonly Buffer[] } | null;
}

interface Stream {
  write(request: object): void;
  end(): void;
  on(event: 'data', listener: (answer: Answer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

/** Asks a real server, as grpcurl does. */
async function ask(version: 'v1' | 'v1alpha', request: object): Promise<Answer> {
  const server = new Server();
  reflectionService().addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const folder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
  const proto = loadSync(join(folder, `build/proto/grpc/reflection/${version}/reflection.proto`), {
    keepCase: true,
    defaults: true,
  });
  const pkg = loadPackageDefinition(proto) as unknown as {
    grpc: { reflection: Record<string, { ServerReflection: ServiceClientConstructor }> };
  };
  const client = new pkg.grpc.reflection[version]!.ServerReflection(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const stream = (client as unknown as { ServerReflectionInfo(): Stream }).ServerReflectionInfo();
      stream.on('data', resolve);
      stream.on('error', reject);
      stream.write(request);
      stream.end();
    });
  } finally {
    client.close();
    server.forceShutdown();
  }
}

/** Every message of a file with the names of the types around it. */
function messagesOf(file: IFileDescriptorProto): [string, IDescriptorProto][] {
  const within = (scope: string, messages: readonly IDescriptorProto[]): [string, IDescriptorProto][] =>
    messages.flatMap((message) => {
      const name = `${scope}.${message.name ?? ''}`;
      return [[name, message], ...within(name, message.nestedType ?? [])] as [string, IDescriptorProto][];
    });
  return within(file.package ?? '', file.messageType ?? []);
}

describe.each(['v1', 'v1alpha'] as const)('server reflection %s', (version) => {
  test('lists our services and health', async () => {
    const answer = await ask(version, { list_services: '*' });
    expect(answer.list_services_response?.service.map(({ name }) => name).sort()).toEqual([
      'grpc.health.v1.Health',
      'hydra.v1.Coordinator',
      'hydra.v1.Debug',
    ]);
  });

  test.each(['hydra.v1.Debug', 'grpc.health.v1.Health'])('describes %s as a strict reader needs it', async (symbol) => {
    const answer = await ask(version, { file_containing_symbol: symbol });
    const files = answer.file_descriptor_response!.file_descriptor_proto.map(
      (bytes) => descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto,
    );
    const names = new Set(files.flatMap((file) => messagesOf(file).map(([name]) => name)));
    for (const file of files) {
      for (const [scope, { enumType }] of [[file.package ?? '', file] as const, ...messagesOf(file)]) {
        for (const { name } of enumType ?? []) names.add(`${scope}.${name ?? ''}`);
      }
    }
    for (const file of files) {
      for (const [name, message] of messagesOf(file)) {
        const entries = (message.nestedType ?? []).filter((nested) => nested.options?.mapEntry === true);
        for (const field of message.field ?? []) {
          if (field.typeName == null || field.typeName === '') continue;
          // Relative to the message itself, or to a scope around it.
          const scopes = name.split('.').map((_, depth, parts) => parts.slice(0, parts.length - depth).join('.'));
          const found = scopes.map((scope) => `${scope}.${field.typeName ?? ''}`).find((full) => names.has(full));
          expect(found, `${name}.${field.name ?? ''} is of an unknown type ${field.typeName}`).toBeDefined();
        }
        for (const { start = 0, end = 0 } of message.reservedRange ?? []) {
          expect(end, `reserved numbers of ${name}`).toBeGreaterThan(start);
        }
        for (const entry of entries) {
          const field = message.field?.find((candidate) => candidate.typeName === entry.name);
          expect(entry.name?.toLowerCase()).toBe(`${field?.name?.replaceAll('_', '') ?? ''}entry`);
        }
      }
    }
    expect(names.size).toBeGreaterThan(1);
  });
});
