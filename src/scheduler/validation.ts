import type { FastifySchemaCompiler } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { invalidArgument } from '../domain/errors.ts';
import { faultFinder } from '../domain/schema-faults.ts';
import { bodyOf } from './json-body.ts';

const Nothing = Type.Object({}, { additionalProperties: false });
const findExcess = faultFinder(Nothing);

/** The query of a route that takes none: a parameter that would be ignored is a mistake. */
export const NoQuery = Nothing;

/** The same for the body; `{}` says nothing, too. */
export function refuseBody(request: { readonly body: unknown }): void {
  const faults = findExcess(bodyOf(request) ?? {});
  if (faults.length > 0) throw invalidArgument(faults);
}

/**
 * Checks parameters of path and query against their schema. Bodies are checked by the routes, so that what a schema
 * cannot say is reported together with what it can; their schemas are for the documentation.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart === 'body') return (value: unknown) => ({ value });
  const findFaults = faultFinder(schema);
  return (raw: Record<string, unknown>) => {
    const value = httpPart === 'querystring' ? readQuery(schema, raw) : raw;
    const faults = findFaults(value);
    return faults.length === 0 ? { value } : { error: invalidArgument(faults) };
  };
};

/** Everything in a query is text: whole numbers and lists become what they mean, what does not fit stays as it is. */
function readQuery(schema: TSchema, raw: Record<string, unknown>): Record<string, unknown> {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      if (type === 'integer' && typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return [name, Number(value)];
      if (type === 'array') return [name, [value].flat().flatMap((part) => String(part).split(','))];
      return [name, value];
    }),
  );
}
