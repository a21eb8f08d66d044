import { Type } from 'typebox';
import type { FieldFault } from './errors.ts';
import { fieldPath } from './field-path.ts';
import { ENV_NAME_PATTERN } from './patterns.ts';
import { isRecord, type FieldNamer, type RawInput } from './raw-input.ts';
import { textFaults } from './text-faults.ts';

export const MAX_VARIABLES = 1_000;
/** Of one variable as `NAME=value`, in bytes of UTF-8. Linux takes at most 128 KiB in one string (MAX_ARG_STRLEN). */
export const MAX_VARIABLE_BYTES = 100 * 1024;
/** Of all variables together. */
export const MAX_ENVIRONMENT_BYTES = 256 * 1024;
/** Variables that Hydra sets for every command begin with it. */
export const RESERVED_PREFIX = 'HYDRA_';

type Variables = Readonly<Record<string, string>>;

const limits =
  `Names are letters, digits and _, the first no digit, and do not begin with ${RESERVED_PREFIX}. At most ` +
  `${MAX_VARIABLES} variables of ${MAX_VARIABLE_BYTES} bytes each as \`NAME=value\`; \`env\` and \`secret_env\` ` +
  `together at most ${MAX_ENVIRONMENT_BYTES} bytes.`;

const shape = {
  type: 'object',
  propertyNames: { type: 'string', pattern: ENV_NAME_PATTERN },
  additionalProperties: { type: 'string' },
  maxProperties: MAX_VARIABLES,
};

export const envField = Type.Unsafe<Variables>({
  ...shape,
  description: `Environment variables, set over the worker's base environment. ${limits}`,
  examples: [{ STAGE: 'production' }],
});

export const secretEnvField = Type.Unsafe<Variables>({
  ...shape,
  writeOnly: true,
  description: `Environment variables whose values are never shown and are masked in the output. ${limits}`,
  examples: [{ API_TOKEN: 'not shown again' }],
});

/** What the schema cannot say about `env` and `secret_env`. */
export function environmentFaults(input: RawInput, at: FieldNamer): FieldFault[] {
  const env = variablesOf(input.env);
  const secretEnv = variablesOf(input.secret_env);
  const faults = [...variableFaults(env, at('env')), ...variableFaults(secretEnv, at('secret_env'))];
  const plain = new Set(env.map(([name]) => name));
  for (const [name] of secretEnv) {
    if (!plain.has(name)) continue;
    faults.push({ field: fieldPath(at('secret_env'), name), message: 'is in env, too; give it in one of the two' });
  }
  const bytes = [...env, ...secretEnv].reduce((sum, variable) => sum + bytesOf(variable), 0);
  if (bytes > MAX_ENVIRONMENT_BYTES) {
    const [field, other] = env.length > 0 ? ['env', 'secret_env'] : ['secret_env', 'env'];
    const message = `is ${bytes} bytes long together with ${other}; at most ${MAX_ENVIRONMENT_BYTES} are allowed, so give more by stdin`;
    faults.push({ field: at(field), message });
  }
  return faults;
}

/** Those whose values are texts; none when they are more than the schema allows. */
function variablesOf(value: unknown): readonly (readonly [name: string, value: string])[] {
  if (!isRecord(value)) return [];
  const entries = Object.entries(value);
  return entries.length > MAX_VARIABLES
    ? []
    : entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

function variableFaults(variables: ReturnType<typeof variablesOf>, parent: string): FieldFault[] {
  return variables.flatMap((variable) => {
    const [name, value] = variable;
    const field = fieldPath(parent, name);
    const faults = textFaults(field, value);
    if (name.startsWith(RESERVED_PREFIX)) {
      faults.push({
        field,
        message: `has a name that is reserved; give one that does not begin with ${RESERVED_PREFIX}`,
      });
    }
    // JavaScript and the wire format would lose it.
    if (name === '__proto__') faults.push({ field, message: 'has a name that cannot be used; give another one' });
    const bytes = bytesOf(variable);
    if (bytes > MAX_VARIABLE_BYTES) {
      const message = `is ${bytes} bytes long with its name; at most ${MAX_VARIABLE_BYTES} are allowed, so give more by stdin`;
      faults.push({ field, message });
    }
    return faults;
  });
}

/** As `NAME=value`. */
function bytesOf([name, value]: readonly [string, string]): number {
  return Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
}
