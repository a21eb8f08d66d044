import { entryPath, fieldPath } from './field-path.ts';

/** The keywords of JSON Schema that faults look at. */
export interface Subschema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Subschema>>;
  readonly additionalProperties?: boolean | Subschema;
  readonly items?: Subschema;
  /** Kinds of object that one property tells apart. */
  readonly anyOf?: readonly Subschema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
  /** Not to be shown to anybody, so not in a fault either. */
  readonly writeOnly?: boolean;
}

/** A value on the way from the root to a fault, with the schema it is held to. */
export interface Place {
  readonly value: unknown;
  readonly schema: Subschema;
  /** Such as `labels.region` or `tasks[3]`; empty for the root. */
  readonly path: string;
  /** It, or what it is part of, is not to be repeated. */
  readonly hidden: boolean;
}

export function rootPlace(value: unknown, schema: Subschema, path: string): Place {
  return { value, schema, path, hidden: schema.writeOnly === true };
}

/** The name of a place in a fault. */
export function nameOf(place: Place): string {
  return place.path === '' ? 'body' : place.path;
}

/** The names in a JSON pointer. */
export function pointerNames(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function walk(top: Place, names: readonly string[]): Place {
  return names.reduce(step, top);
}

/** The first place on a way that is one of several kinds of object; `null`: none is. */
export function firstUnion(top: Place, names: readonly string[]): Place | null {
  let place = top;
  for (const name of names) {
    if (place.schema.anyOf !== undefined) return place;
    place = step(place, name);
  }
  return place.schema.anyOf === undefined ? null : place;
}

/** What is in a value under a name, and what it is held to. */
export function step(place: Place, name: string): Place {
  const { schema, path } = place;
  if (Array.isArray(place.value)) {
    return inside(place, place.value[Number(name)] as unknown, schema.items ?? {}, entryPath(path, name));
  }
  const own = (record: object | undefined) => record !== undefined && Object.hasOwn(record, name);
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  const value = typeof place.value === 'object' && place.value !== null ? place.value : {};
  return inside(
    place,
    own(value) ? (value as Record<string, unknown>)[name] : undefined,
    own(schema.properties) ? (schema.properties?.[name] ?? {}) : rest,
    fieldPath(path, name),
  );
}

function inside(parent: Place, value: unknown, schema: Subschema, path: string): Place {
  return { value, schema, path, hidden: parent.hidden || schema.writeOnly === true };
}
