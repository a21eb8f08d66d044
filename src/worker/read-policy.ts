import { readFileSync } from 'node:fs';
import { nearest } from '../domain/nearest.ts';
import { ConfigError } from '../runtime/config.ts';
import { DEFAULT_RULE, POLICY_ACTIONS, type Policy, type PolicyAction, type PolicyRule } from './policy.ts';

/**
 * Reads a policy: JSON such as
 * `{"default": "allow", "rules": [{"name": "no-sudo", "action": "deny", "prefix": "sudo "}]}`.
 * @throws ConfigError naming each fault by its rule and field.
 */
export function readPolicy(path: string): Policy {
  try {
    return parsePolicy(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`HYDRA_POLICY_FILE ${path} cannot be read: ${(error as Error).message}`]);
  }
}

/** `path` is for the faults. */
export function parsePolicy(text: string, path: string): Policy {
  const reader = new Reader(path);
  const policy = reader.policy(reader.json(text));
  if (reader.faults.length > 0) throw new ConfigError(reader.faults);
  return policy;
}

const POLICY_FIELDS = ['default', 'rules'];
const RULE_FIELDS = ['name', 'action', 'prefix', 'pattern', 'users'];
const CONDITIONS = ['prefix', 'pattern', 'users'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * Collects all faults, and puts something harmless in the place of what is wrong. By hand rather than by a schema,
 * whose compiler would cost each worker 25 MB of memory for this one file.
 */
class Reader {
  readonly faults: string[] = [];

  constructor(private readonly path: string) {}

  json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      this.#fault('', `is not JSON: ${(error as Error).message}`);
      return {};
    }
  }

  policy(value: unknown): Policy {
    if (!isFields(value)) {
      this.#fault('', `is ${kindOf(value)}; give a JSON object with "default" and "rules"`);
      return { byDefault: 'deny', rules: [] };
    }
    this.#unknownFields('', value, POLICY_FIELDS);
    const byDefault = 'default' in value ? this.#action('default', value.default) : 'allow';
    const { rules = [] } = value;
    if (!Array.isArray(rules)) {
      this.#fault('rules', `is ${kindOf(rules)}; give a list of rules`);
      return { byDefault, rules: [] };
    }
    const read = rules.map((rule, index) => this.#rule(rule, index));
    this.#sameNames(read);
    return { byDefault, rules: read };
  }

  #rule(value: unknown, index: number): PolicyRule {
    const fields = isFields(value) ? value : {};
    const name = typeof fields.name === 'string' ? fields.name : '';
    const place = name === '' ? `rules[${index}]` : `rules[${index}] (${JSON.stringify(name)})`;
    if (fields !== value) this.#fault(place, `is ${kindOf(value)}; give a JSON object`);
    this.#unknownFields(place, fields, RULE_FIELDS);
    if (name === '' || name === DEFAULT_RULE) {
      this.#fault(`${place}.name`, `is ${JSON.stringify(fields.name) || 'missing'}; give the rule a name of its own`);
    }
    if (!CONDITIONS.some((condition) => condition in fields)) {
      this.#fault(place, 'has no condition; give prefix, pattern or users, or set "default" instead');
    }
    return {
      name,
      action: this.#action(`${place}.action`, fields.action),
      prefix: this.#prefix(`${place}.prefix`, fields.prefix),
      pattern: this.#pattern(`${place}.pattern`, fields.pattern),
      users: this.#users(`${place}.users`, fields.users),
    };
  }

  #action(place: string, value: unknown): PolicyAction {
    const action = POLICY_ACTIONS.find((each) => each === value);
    if (action === undefined) this.#fault(place, `is ${JSON.stringify(value) || 'missing'}; give allow or deny`);
    return action ?? 'deny';
  }

  #prefix(place: string, value: unknown): string | null {
    if (value === undefined) return null;
    // Blanks before a command are left out, so a prefix that begins with one would never match.
    if (typeof value === 'string' && value.trimStart() !== '' && value.trimStart() === value) return value;
    this.#fault(place, `is ${JSON.stringify(value)}; give a text that does not begin with a blank`);
    return null;
  }

  #pattern(place: string, value: unknown): RegExp | null {
    if (value === undefined) return null;
    try {
      if (typeof value === 'string' && value !== '') return new RegExp(value);
      this.#fault(place, `is ${JSON.stringify(value)}; give a regular expression of JavaScript`);
    } catch (error) {
      this.#fault(place, `is no regular expression of JavaScript: ${(error as Error).message}`);
    }
    return null;
  }

  #users(place: string, value: unknown): readonly string[] | null {
    if (value === undefined) return null;
    const isName = (user: unknown): user is string => typeof user === 'string' && user !== '';
    if (Array.isArray(value) && value.length > 0 && value.every(isName)) return value;
    this.#fault(place, `is ${JSON.stringify(value)}; give a list of names of users`);
    return null;
  }

  /** Names are what refusals and metrics tell rules apart by. */
  #sameNames(rules: readonly PolicyRule[]): void {
    const names = rules.map(({ name }) => name);
    for (const [index, name] of names.entries()) {
      const first = names.indexOf(name);
      if (name !== '' && first !== index) {
        this.#fault(`rules[${index}].name`, `is ${JSON.stringify(name)} as in rules[${first}]; give each its own`);
      }
    }
  }

  #unknownFields(place: string, fields: Fields, known: readonly string[]): void {
    for (const name of Object.keys(fields).filter((each) => !known.includes(each))) {
      const meant = nearest(name, known);
      const hint = meant === undefined ? `known fields are ${known.join(', ')}` : `did you mean ${meant}?`;
      this.#fault(place === '' ? name : `${place}.${name}`, `is not a known field; ${hint}`);
    }
  }

  #fault(place: string, message: string): void {
    this.faults.push(`HYDRA_POLICY_FILE ${this.path}: ${place === '' ? message : `${place} ${message}`}`);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `the ${typeof value} ${JSON.stringify(value)}`;
}
