import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Settings } from 'typebox/system';
import type { FieldFault } from './errors.ts';
import { NAME_HINT, NAME_PATTERN } from './lane.ts';
import { nearest } from './nearest.ts';
import { UUID_HINT, UUID_PATTERN } from './uuid.ts';

// Typebox stops collecting at 8, so a value with several unknown fields would hide its other faults.
Settings.Set({ maxErrors: 64 });

/** Longest part of what somebody sent that is repeated to them. */
const MAX_QUOTED = 60;

/** What would be right, for each pattern that a schema uses. */
const PATTERN_HINTS: Readonly<Record<string, string>> = { [NAME_PATTERN]: NAME_HINT, [UUID_PATTERN]: UUID_HINT };

/** The keywords of JSON Schema that the messages look at. */
interface Subschema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Subschema>>;
  readonly additionalProperties?: boolean | Subschema;
  readonly items?: Subschema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}

/** A value on the way from the root to a fault, with the schema it is held to. */
interface Place {
  readonly value: unknown;
  readonly schema: Subschema;
  /** Such as `labels.region` or `tasks[3]`; empty for the root. */
  readonly path: string;
}

/** Finds what is wrong with a value. `root` names the value itself, such as `tasks[3]`; none for the body of a request. */
export type FaultFinder = (value: unknown, root?: string) => FieldFault[];

/** Compiles a schema to a function that says, in sentences, where a value departs from it and what would be right. */
export function faultFinder(schema: TSchema): FaultFinder {
  const validator = Compile(schema);
  return (value, root = '') => {
    if (validator.Check(value)) return [];
    const top: Place = { value, schema, path: root };
    return validator.Errors(value).flatMap((error) => describe(error, top) ?? []);
  };
}

/** `null` for errors that only repeat another one. */
function describe(error: TLocalizedValidationError, top: Place): FieldFault | null {
  // These sum up faults that are reported one by one, each in its place.
  if (error.keyword === 'additionalProperties' || error.keyword === 'propertyNames') return null;
  const place = find(top, error.instancePath);
  if (error.keyword === 'required') {
    const child = step(place, error.params.requiredProperties[0] ?? '');
    return { field: child.path, message: `is missing; give ${wanted(child.schema)}` };
  }
  return { field: place.path === '' ? 'body' : place.path, message: sentence(error, place, top) };
}

/** The parameters of the keywords below, by the names that typebox gives them. */
interface Params {
  readonly pattern?: unknown;
  readonly allowedValues?: readonly unknown[];
  readonly limit?: number;
}

function sentence(error: TLocalizedValidationError, place: Place, top: Place): string {
  const { value, schema } = place;
  const { pattern, allowedValues = [], limit = 0 } = error.params as Params;
  const keyword: string = error.keyword;
  switch (keyword) {
    case 'type':
      return `${value === undefined ? 'is missing' : `is ${kindOf(value)}`}; give ${wanted(schema)}`;
    case 'boolean':
      return unknownField(error.instancePath, top);
    case 'pattern': {
      const what = error.schemaPath.includes('/propertyNames') ? 'has a name that' : quote(value);
      return `${what} is not allowed; ${PATTERN_HINTS[String(pattern)] ?? `give a text that matches ${String(pattern)}`}`;
    }
    case 'enum': {
      const words = allowedValues.map(String);
      const meant = typeof value === 'string' ? didYouMean(value, words) : '';
      return `${quote(value)} is not known; ${meant}give one of ${words.join(', ')}`;
    }
    case 'minimum':
    case 'maximum':
      return `is ${quote(value)}; give ${wanted(schema)}`;
    case 'minLength':
      return `is empty; give ${wanted(schema)}`;
    case 'maxLength':
      return `is ${(value as string).length} characters long; at most ${limit} are allowed`;
    case 'minItems':
      return `is empty; give at least ${limit}`;
    case 'maxItems':
      return `has ${(value as unknown[]).length} entries; at most ${limit} are allowed`;
    case 'maxProperties':
      return `has ${Object.keys(value as object).length} entries; at most ${limit} are allowed`;
    default:
      return error.message;
  }
}

function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `did you mean ${meant}? `;
}

function unknownField(instancePath: string, top: Place): string {
  const segments = split(instancePath);
  const name = segments.pop() ?? '';
  const known = Object.keys(walk(top, segments).schema.properties ?? {});
  if (known.length === 0) return 'is not known here; remove it';
  return `is not a known field; ${didYouMean(name, known)}known fields are ${known.join(', ')}`;
}

/** What a schema asks for, as the object of "give". */
function wanted(schema: Subschema): string {
  const example = schema.examples?.[0];
  const such = example === undefined ? '' : ` such as ${JSON.stringify(example)}`;
  const { minimum, maximum } = schema;
  const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  const kinds: Readonly<Record<string, string>> = {
    integer: `a whole number${range}`,
    string: 'a string',
    array: 'an array',
    object: 'a JSON object',
  };
  return `${kinds[schema.type ?? ''] ?? 'another value'}${such}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${quote(value)}`;
}

/** A scalar as JSON, cut short. Never looks into objects, which may be nested deeper than the stack. */
function quote(value: unknown): string {
  if (typeof value === 'object') return kindOf(value);
  return JSON.stringify(
    typeof value === 'string' && value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value,
  );
}

/** The names in a JSON pointer. */
function split(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function find(top: Place, pointer: string): Place {
  return walk(top, split(pointer));
}

function walk(top: Place, names: readonly string[]): Place {
  return names.reduce(step, top);
}

function step(place: Place, name: string): Place {
  const { schema, path } = place;
  if (Array.isArray(place.value)) {
    return { value: place.value[Number(name)] as unknown, schema: schema.items ?? {}, path: `${path}[${name}]` };
  }
  const own = (record: object | undefined) => record !== undefined && Object.hasOwn(record, name);
  const rest = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  const value = typeof place.value === 'object' && place.value !== null ? place.value : {};
  const shown = name.length > MAX_QUOTED ? `${name.slice(0, MAX_QUOTED)}…` : name;
  return {
    value: own(value) ? (value as Record<string, unknown>)[name] : undefined,
    schema: own(schema.properties) ? (schema.properties?.[name] ?? {}) : rest,
    path: path === '' ? shown : `${path}.${shown}`,
  };
}
