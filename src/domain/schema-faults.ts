import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Settings } from 'typebox/system';
import type { FieldFault } from './errors.ts';
import { missing, quote, unknownField, wanted, wrongType, wrongValue, wrongWord } from './fault-sentence.ts';
import { PATTERN_HINTS } from './patterns.ts';
import { firstUnion, nameOf, pointerNames, rootPlace, step, walk, type Place, type Subschema } from './schema-place.ts';

// Typebox stops collecting at 8, so a value with several unknown fields would hide its other faults.
Settings.Set({ maxErrors: 64 });

/** Finds what is wrong with a value. `root` names the value itself, such as `tasks[3]`; none for the body of a request. */
export type FaultFinder = (value: unknown, root?: string) => FieldFault[];

/** Compiles a schema to a function that says, in sentences, where a value departs from it and what would be right. */
export function faultFinder(schema: TSchema): FaultFinder {
  const validator = Compile(schema);
  return (value, root = '') => {
    if (validator.Check(value)) return [];
    const top = rootPlace(value, schema, root);
    const told = new Set<string>();
    const isNew = (what: string) => told.size < told.add(what).size;
    return validator.Errors(value).flatMap((error) => {
      const union = firstUnion(top, pointerNames(error.instancePath));
      // Typebox tells of each kind of object what is wrong for it; once is enough, and of the kind that was meant.
      if (union !== null) return isNew(union.path) ? unionFaults(union) : [];
      // What is of another type is none of the words that are possible, either.
      return describe(error, top).filter(({ field }) => isNew(`${error.schemaPath} ${field}`));
    });
  };
}

function describe(error: TLocalizedValidationError, top: Place): FieldFault[] {
  // These sum up faults that are reported one by one, each in its place.
  if (error.keyword === 'additionalProperties' || error.keyword === 'propertyNames') return [];
  const names = pointerNames(error.instancePath);
  const place = walk(top, names);
  if (error.keyword === 'required') {
    const children = error.params.requiredProperties.map((name) => step(place, name));
    return children.map(({ path, schema }) => ({ field: path, message: missing(schema) }));
  }
  if (error.keyword === 'boolean') {
    const known = Object.keys(walk(top, names.slice(0, -1)).schema.properties ?? {});
    return [{ field: nameOf(place), message: unknownField(names.at(-1) ?? '', known) }];
  }
  return [{ field: nameOf(place), message: sentence(error, place) }];
}

/** The parameters of the keywords below, by the names that typebox gives them. */
interface Params {
  readonly pattern?: unknown;
  readonly allowedValues?: readonly unknown[];
  readonly limit?: number;
}

function sentence(error: TLocalizedValidationError, place: Place): string {
  const { value, schema } = place;
  const { pattern, allowedValues = [], limit = 0 } = error.params as Params;
  const keyword: string = error.keyword;
  switch (keyword) {
    case 'type':
      return wrongType(place);
    case 'pattern': {
      const what = error.schemaPath.includes('/propertyNames') ? 'has a name that' : quote(place);
      return `${what} is not allowed; ${PATTERN_HINTS[String(pattern)] ?? `give a text that matches ${String(pattern)}`}`;
    }
    case 'enum':
      return wrongWord(place, allowedValues.map(String));
    case 'const':
    case 'minimum':
    case 'maximum':
      return wrongValue(place);
    case 'minLength':
      return `is empty; give ${wanted(schema)}`;
    case 'maxLength':
      return `is ${(value as string).length} characters long; at most ${limit} are allowed`;
    case 'minItems':
    case 'minProperties':
      return `is empty; give at least ${limit}`;
    case 'maxItems':
      return `has ${(value as unknown[]).length} entries; at most ${limit} are allowed`;
    case 'maxProperties':
      return `has ${Object.keys(value as object).length} entries; at most ${limit} are allowed`;
    default:
      return error.message;
  }
}

/**
 * What is wrong with a value that is to be one of several kinds of object. The kind that was meant is told by the one
 * property that has words of its own in each, such as `type`; the faults are those of that kind alone.
 */
function unionFaults(place: Place): FieldFault[] {
  const { value, schema, path } = place;
  const kinds = schema.anyOf ?? [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ field: nameOf(place), message: wrongType(place) }];
  }
  const tag = step(place, tagOf(kinds));
  const kind = kinds.find((candidate) => wordsOf(candidate, tagOf(kinds)).includes(tag.value));
  if (kind !== undefined) return finderOf(kind)(value, path);
  const words = kinds.flatMap((candidate) => wordsOf(candidate, tagOf(kinds))).map(String);
  const message = tag.value === undefined ? `is missing; give one of ${words.join(', ')}` : wrongWord(tag, words);
  return [{ field: tag.path, message }];
}

/** The property that has words of its own in every kind of object. */
function tagOf(kinds: readonly Subschema[]): string {
  const names = Object.keys(kinds[0]?.properties ?? {});
  const tag = names.find((name) => kinds.every((kind) => wordsOf(kind, name).length > 0));
  if (tag === undefined) throw new Error('a schema has kinds of object that no property tells apart');
  return tag;
}

function wordsOf(kind: Subschema, name: string): readonly unknown[] {
  const property = kind.properties?.[name];
  if (property === undefined) return [];
  return property.const === undefined ? (property.enum ?? []) : [property.const];
}

/** Finders of kinds, which are parts of schemas that live as long as the process. */
const finders = new WeakMap<Subschema, FaultFinder>();

function finderOf(kind: Subschema): FaultFinder {
  const known = finders.get(kind);
  if (known !== undefined) return known;
  const finder = faultFinder(Type.Unsafe(kind));
  finders.set(kind, finder);
  return finder;
}
