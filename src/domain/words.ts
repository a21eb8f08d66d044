import { Type, type TSchemaOptions } from 'typebox';

/** A schema of a text that is one of a few words. */
export function Words<const T extends readonly string[]>(possible: T, options: TSchemaOptions = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...possible], ...options });
}
