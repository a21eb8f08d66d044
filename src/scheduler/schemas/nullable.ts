import { Type, type Static, type TSchema } from 'typebox';

export { Words } from '../../domain/words.ts';

/** A schema of one type that also admits `null`. */
export function Nullable<T extends TSchema>(schema: T) {
  const { type, enum: values } = schema as { type?: string; enum?: unknown[] };
  return Type.Unsafe<Static<T> | null>({
    ...schema,
    type: [type, 'null'],
    ...(values !== undefined && { enum: [...values, null] }),
  });
}

/** An instant as Hydra writes it: UTC, to the millisecond. */
export function Instant(description: string) {
  return Type.String({ format: 'date-time', description, examples: ['2030-01-31T09:00:00.000Z'] });
}
