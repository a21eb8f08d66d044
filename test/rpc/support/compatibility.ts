import { readFileSync } from 'node:fs';
import protobuf, { type Field, type NamespaceBase, type Root } from 'protobufjs';

/** Reads .proto files into one tree of descriptors. */
export function readProto(...files: readonly string[]): Root {
  const root = new protobuf.Root();
  for (const file of files) protobuf.parse(readFileSync(file, 'utf8'), root, { keepCase: true });
  root.resolveAll();
  return root;
}

/**
 * What a peer that was built on `previous` relies on and does not find in `current`, a line for each; empty when the two
 * can talk. Both trees are resolved.
 */
export function incompatibilities(previous: NamespaceBase, current: NamespaceBase): string[] {
  const now = new Map(promises(current));
  return promises(previous)
    .filter(([name, what]) => now.get(name) !== what)
    .map(([name, what]) => `${name}: was ${what}, is ${now.get(name) ?? 'gone'}`);
}

/** What a wire promises, as pairs of a name and everything about it that may not change. */
function promises(parent: NamespaceBase): [string, string][] {
  return parent.nestedArray.flatMap((child): [string, string][] => {
    const name = child.fullName.slice(1);
    if (child instanceof protobuf.Enum) {
      const values = Object.entries(child.values).map(([value, id]): [string, string] => [`${name}.${value}`, `${id}`]);
      return [[name, 'an enum'], ...values, ...reserved(name, child.reserved)];
    }
    if (child instanceof protobuf.Service) {
      const calls = child.methodsArray.map((method): [string, string] => {
        const { requestStream, requestType, responseStream, responseType } = method;
        const side = (stream: boolean | undefined, type: string) => (stream === true ? `stream ${type}` : type);
        return [
          `${name}/${method.name}`,
          `${side(requestStream, requestType)} → ${side(responseStream, responseType)}`,
        ];
      });
      return [[name, 'a service'], ...calls];
    }
    if (child instanceof protobuf.Type) {
      const fields = child.fieldsArray.map((field): [string, string] => [`${name}.${field.name}`, describe(field)]);
      return [[name, 'a message'], ...fields, ...reserved(name, child.reserved), ...promises(child)];
    }
    return child instanceof protobuf.Namespace ? promises(child) : [];
  });
}

/** Such as `repeated hydra.v1.AttemptRef 5`. A field that is `optional` is in a oneof of its own. */
function describe(field: Field): string {
  const type = field.resolvedType?.fullName.slice(1) ?? field.type;
  const whole = field instanceof protobuf.MapField ? `map<${field.keyType}, ${type}>` : type;
  const oneof = field.partOf === null ? '' : ` in ${field.partOf.name}`;
  return `${field.repeated ? 'repeated ' : ''}${whole} ${field.id}${oneof}`;
}

/** A number or name that was in use once stays out of use. */
function reserved(name: string, list: readonly (number[] | string)[] | undefined): [string, string][] {
  const each = (list ?? []).flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    const [from = 0, to = from] = entry;
    return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
  });
  return each.map((what) => [`${name}, ${what}`, 'reserved']);
}
