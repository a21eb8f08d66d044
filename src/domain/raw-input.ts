/**
 * An object as somebody sent it, of which nothing is known. What a schema cannot say is checked on it by functions that
 * pass over fields of the wrong type, since the schema reports those.
 */
export type RawInput = Readonly<Record<string, unknown>>;

/** The path of a field of the input, as faults name it. */
export type FieldNamer = (name: string) => string;

export function isRecord(value: unknown): value is RawInput {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
