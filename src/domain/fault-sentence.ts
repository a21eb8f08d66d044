import { cutShort } from './field-path.ts';
import { nearest } from './nearest.ts';
import type { Place, Subschema } from './schema-place.ts';

/** The words in which faults are told: what is there, and what would be right. */

/** For a value of another type than is wanted, or none. */
export function wrongType(place: Place): string {
  return place.value === undefined ? missing(place.schema) : `is ${kindOf(place)}; give ${wanted(place.schema)}`;
}

export function missing(schema: Subschema): string {
  return `is missing; give ${wanted(schema)}`;
}

/** For a value of the right type that is not allowed. */
export function wrongValue(place: Place): string {
  return `is ${quote(place)}; give ${wanted(place.schema)}`;
}

/** For a word that is none of those possible. */
export function wrongWord(place: Place, words: readonly string[]): string {
  const right = `give one of ${words.join(', ')}`;
  if (typeof place.value !== 'string') return `is ${kindOf(place)}; ${right}`;
  const meant = nearest(place.value, words);
  return `${quote(place)} is not possible; ${meant === undefined ? '' : `did you mean ${meant}? `}${right}`;
}

/** For a field that there is not. */
export function unknownField(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'is not known here; remove it';
  const meant = nearest(name, known);
  return `is not a known field; ${meant === undefined ? `known fields are ${known.join(', ')}` : `did you mean ${meant}?`}`;
}

/** What a schema asks for, as the object of "give". */
export function wanted(schema: Subschema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  const example = schema.examples?.[0];
  const such = example === undefined ? '' : ` such as ${JSON.stringify(example)}`;
  const { minimum, maximum } = schema;
  const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  const kinds: Readonly<Record<string, string>> = {
    integer: `a whole number${range}`,
    number: `a number${range}`,
    boolean: 'true or false',
    string: 'a string',
    array: 'an array',
    object: 'a JSON object',
  };
  const types = schema.anyOf === undefined ? [schema.type ?? ''].flat() : ['object'];
  return `${types.map((type) => kinds[type] ?? 'another value').join(' or ')}${such}`;
}

/** A scalar as JSON, cut short. Never looks into objects, which may be nested deeper than the stack. */
export function quote(place: Place): string {
  return typeof place.value === 'object' || place.hidden ? kindOf(place) : scalar(place.value);
}

function kindOf({ value, hidden }: Place): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return hidden ? `a ${typeof value}` : `the ${typeof value} ${scalar(value)}`;
}

function scalar(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(cutShort(value)) : String(value);
}
