import { ReflectionService } from '@grpc/reflection';
import {
  loadSync,
  type AnyDefinition,
  type EnumTypeDefinition,
  type MessageTypeDefinition,
  type PackageDefinition,
} from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import descriptor, {
  type IDescriptorProto,
  type IFieldDescriptorProto,
  type IFileDescriptorProto,
} from 'protobufjs/ext/descriptor/index.js';
import { protoDefinition } from './load-proto.ts';

/**
 * Server reflection (v1 and v1alpha) of our services and of `grpc.health.v1`.
 *
 * The descriptors that proto-loader makes name the entry types of map fields otherwise than compilers do, and end ranges
 * of reserved numbers a number too early, both of which strict readers such as grpcurl refuse, and do not mark `optional`
 * fields; all of this is mended here. They also leave out what a file imports, so our files import nothing.
 * https://github.com/grpc/grpc-node/issues/2958
 */
export function reflectionService(): ReflectionService {
  const health = loadSync(healthProtoPath, { keepCase: true });
  return new ReflectionService(mendDefinition({ ...protoDefinition(), ...health }));
}

function mendDefinition(definition: PackageDefinition): PackageDefinition {
  const mended = new Map<Buffer, Buffer>();
  const mend = (bytes: Buffer): Buffer => {
    let result = mended.get(bytes);
    if (result === undefined) mended.set(bytes, (result = mendFile(bytes)));
    return result;
  };
  return Object.fromEntries(
    Object.entries(definition).map(([name, entry]) => [
      name,
      isType(entry) ? { ...entry, fileDescriptorProtos: entry.fileDescriptorProtos.map(mend) } : entry,
    ]),
  );
}

/** Services are in the definition as well, and carry no descriptors. */
function isType(entry: AnyDefinition): entry is MessageTypeDefinition<object, object> | EnumTypeDefinition {
  return typeof entry.format === 'string';
}

function mendFile(bytes: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto;
  for (const message of file.messageType ?? []) mendMessage(message);
  return Buffer.from(descriptor.FileDescriptorProto.encode(file).finish());
}

function mendMessage(message: IDescriptorProto): void {
  // The end is the first number that is free again; protobufjs (7.6) gives the last one that is not.
  for (const range of message.reservedRange ?? []) range.end = (range.end ?? 0) + 1;
  for (const field of message.field ?? []) {
    // An `optional` field is in a oneof of its own; only this mark tells it from one that was written so.
    const oneof = Object.hasOwn(field, 'oneofIndex') ? message.oneofDecl?.[field.oneofIndex ?? 0] : undefined;
    if (oneof?.name === `_${field.name ?? ''}`) Object.assign(field, { proto3Optional: true });
  }
  for (const nested of message.nestedType ?? []) {
    mendMessage(nested);
    if (nested.options?.mapEntry !== true) continue;
    const field = message.field?.find((candidate) => candidate.typeName === nested.name);
    if (field !== undefined) nested.name = field.typeName = entryName(field);
  }
}

/** `first_name` → `FirstNameEntry`. */
function entryName(field: IFieldDescriptorProto): string {
  const words = (field.name ?? '').split('_');
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Entry`;
}
