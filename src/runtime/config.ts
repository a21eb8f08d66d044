import { cleanEnv, makeExactValidator, type CleanedEnv, type ValidatorSpec } from 'envalid';

/** Environment variables by name, each with its parser, default and description. */
export type Variables = Readonly<Record<string, ValidatorSpec<unknown>>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration is wrong; the message lists every fault, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(
      `the configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n  ${faults.join('\n  ')}`,
    );
  }
}

/**
 * Reads `variables` from `env`. An empty value counts as not set, since compose files pass `${X:-}`.
 * @throws ConfigError naming every variable that is wrong or missing.
 */
export function readVariables<S extends Variables>(env: Environment, variables: S): CleanedEnv<S> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  return cleanEnv(present, variables, {
    reporter: ({ errors }) => {
      const faults = Object.entries(errors).map(([name, error]) => `${name} ${error?.message ?? 'is wrong'}`);
      if (faults.length > 0) throw new ConfigError(faults);
    },
  });
}

function wrong(input: string, hint: string): Error {
  return new Error(`is ${JSON.stringify(input)}; ${hint}`);
}

/** A whole number within bounds. */
export function integer(min: number, max: number) {
  return makeExactValidator<number>((input) => {
    const value = Number(input);
    if (!/^\d+$/.test(input) || value < min || value > max) {
      throw wrong(input, `give a whole number from ${min} to ${max}`);
    }
    return value;
  });
}

/** A whole number of milliseconds; the unit is in the variable's name. */
export const milliseconds = (min: number, max: number) => integer(min, max);

/** A port to listen on; 0 takes a free one. */
export const port = integer(0, 65_535);

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  return makeExactValidator<T>((input) => {
    const word = words.find((w) => w === input);
    if (word === undefined) throw wrong(input, `give one of ${words.join(', ')}`);
    return word;
  });
}

/** A text that matches a pattern. */
export function text(pattern: RegExp, hint: string) {
  return makeExactValidator<string>((input) => {
    if (!pattern.test(input)) throw wrong(input, hint);
    return input;
  });
}

/** Comma-separated values, each matching a pattern; white space around them is dropped. */
export function list(item: RegExp, hint: string) {
  return makeExactValidator<readonly string[]>((input) => {
    const items = input.split(',').map((part) => part.trim());
    if (!items.every((part) => item.test(part))) throw wrong(input, hint);
    return [...new Set(items)];
  });
}

/** Comma-separated `key=value` pairs, each key once, at most `most` of them. */
export function pairs(name: RegExp, most: number, hint: string) {
  return makeExactValidator<Readonly<Record<string, string>>>((input) => {
    const result: Record<string, string> = {};
    for (const part of input.split(',')) {
      const [key = '', value = '', ...rest] = part.trim().split('=');
      if (rest.length > 0 || !name.test(key) || !name.test(value)) throw wrong(input, hint);
      if (Object.hasOwn(result, key)) throw wrong(input, `${key} is given twice; give each key once`);
      result[key] = value;
    }
    if (Object.keys(result).length > most) throw wrong(input, `give at most ${most} pairs`);
    return result;
  });
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Variables of every process. */
export const logVariables = {
  HYDRA_LOG_LEVEL: oneOf(LOG_LEVELS)({
    default: 'info',
    desc: `Least level that is logged: ${LOG_LEVELS.join(', ')}.`,
  }),
  HYDRA_LOG_FORMAT: oneOf(['json', 'pretty'])({
    default: 'json',
    desc: 'Log lines as JSON for machines or as text for people.',
  }),
} satisfies Variables;

/** Where PostgreSQL is: `DATABASE_URL`, or the parts. Each has a default, so the parts can be given singly. */
export const databaseVariables = {
  DATABASE_URL: text(
    /^postgres(ql)?:\/\/./,
    'give a URL such as postgres://user:password@host:5432/database',
  )({
    default: undefined,
    desc: 'PostgreSQL (14 or newer) as a URL. Without it the POSTGRES_… variables below are used.',
  }),
  POSTGRES_HOST: text(/./, 'give a host name')({ default: '127.0.0.1', desc: 'Host of PostgreSQL.' }),
  POSTGRES_PORT: integer(1, 65_535)({ default: 5432, desc: 'Port of PostgreSQL.' }),
  POSTGRES_DB: text(/./, 'give a name')({ default: 'hydra', desc: 'Name of the database.' }),
  POSTGRES_USER: text(/./, 'give a name')({ default: 'hydra', desc: 'User of the database.' }),
  POSTGRES_PASSWORD: text(/./, 'give a password')({ default: undefined, desc: 'Password of the user.' }),
} satisfies Variables;

/** The connection string from {@link databaseVariables}. */
export function databaseUrl(env: CleanedEnv<typeof databaseVariables>): string {
  if (env.DATABASE_URL !== undefined) return env.DATABASE_URL;
  const url = new URL('postgres://localhost');
  url.hostname = env.POSTGRES_HOST;
  url.port = String(env.POSTGRES_PORT);
  url.username = encodeURIComponent(env.POSTGRES_USER);
  url.password = encodeURIComponent(env.POSTGRES_PASSWORD ?? '');
  url.pathname = `/${encodeURIComponent(env.POSTGRES_DB)}`;
  return url.href;
}
