import type { FieldFault } from './errors.ts';

/** What a text must not contain to arrive as it was sent. PostgreSQL stores no NUL, and no argument of a program can contain one. */
export function textFaults(field: string, text: string): FieldFault[] {
  if (text.includes('\0')) return [{ field, message: 'contains a NUL character; remove it' }];
  return surrogateFaults(field, text);
}

/** UTF-8 has no lone surrogates: they would be altered on the way. */
export function surrogateFaults(field: string, text: string): FieldFault[] {
  if (text.isWellFormed()) return [];
  return [{ field, message: 'contains half of a surrogate pair, which is not valid Unicode; send valid UTF-8' }];
}
