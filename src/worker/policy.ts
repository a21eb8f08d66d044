/** What a worker's policy says of a command: run it, or which rule refuses it. */
export type PolicyVerdict =
  { readonly allowed: true } | { readonly allowed: false; readonly rule: string; readonly error: string };

/** What the policy looks at. */
export interface PolicySubject {
  /** The command's text, or its arguments joined by blanks. */
  readonly text: string;
  /** Name of the user that it would run as. */
  readonly user: string;
}

/** Which commands a worker runs. The first rule that matches decides; where none does, `byDefault`. */
export interface Policy {
  readonly byDefault: PolicyAction;
  readonly rules: readonly PolicyRule[];
}

export const POLICY_ACTIONS = ['allow', 'deny'] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** Matches what each of its conditions matches. It has at least one. */
export interface PolicyRule {
  readonly name: string;
  readonly action: PolicyAction;
  /** The text begins with it, blanks before the text aside. */
  readonly prefix: string | null;
  /** Found anywhere in the text. */
  readonly pattern: RegExp | null;
  readonly users: readonly string[] | null;
}

export const ALLOW_ALL: Policy = { byDefault: 'allow', rules: [] };

/** The name that a refusal by default goes by. */
export const DEFAULT_RULE = 'default';

/**
 * A guard rail, not a sandbox: it sees what was asked for, not what that does. `sh -c` has many ways to say the same.
 */
export function judgeByPolicy(policy: Policy, subject: PolicySubject): PolicyVerdict {
  const text = subject.text.trimStart();
  const rule = policy.rules.find((each) => matches(each, text, subject.user));
  if ((rule?.action ?? policy.byDefault) === 'allow') return { allowed: true };
  if (rule === undefined) {
    return { allowed: false, rule: DEFAULT_RULE, error: "no rule of this worker's policy allows the command" };
  }
  const error = `the rule ${JSON.stringify(rule.name)} of this worker's policy refuses the command`;
  return { allowed: false, rule: rule.name, error };
}

function matches({ prefix, pattern, users }: PolicyRule, text: string, user: string): boolean {
  if (prefix !== null && !text.startsWith(prefix)) return false;
  if (pattern !== null && !pattern.test(text)) return false;
  return users?.includes(user) ?? true;
}
