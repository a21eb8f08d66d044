import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/runtime/config.ts';
import { ALLOW_ALL, judgeByPolicy, type Policy } from '../../src/worker/policy.ts';
import { parsePolicy, readPolicy } from '../../src/worker/read-policy.ts';

function policyOf(value: unknown): Policy {
  return parsePolicy(JSON.stringify(value), '/p.json');
}

function ruleFor(policy: Policy, text: string, user = 'worker'): string | null {
  const verdict = judgeByPolicy(policy, { text, user });
  return verdict.allowed ? null : verdict.rule;
}

describe('judging', () => {
  test('without a policy everything is allowed', () => {
    expect(judgeByPolicy(ALLOW_ALL, { text: 'rm -rf /', user: 'root' })).toEqual({ allowed: true });
    expect(ruleFor(policyOf({}), 'rm -rf /')).toBeNull();
  });

  test('a prefix is that of the text, blanks before it aside', () => {
    const policy = policyOf({ rules: [{ name: 'no-rm', action: 'deny', prefix: 'rm -rf' }] });
    expect(ruleFor(policy, 'rm -rf /')).toBe('no-rm');
    expect(ruleFor(policy, ' \n\t rm -rf /')).toBe('no-rm');
    expect(ruleFor(policy, 'echo rm -rf /')).toBeNull();
    expect(judgeByPolicy(policy, { text: 'rm -rf /', user: 'u' })).toMatchObject({
      error: 'the rule "no-rm" of this worker\'s policy refuses the command',
    });
  });

  test('a pattern is found anywhere', () => {
    const policy = policyOf({ rules: [{ name: 'no-curl', action: 'deny', pattern: '\\bcurl\\b' }] });
    expect(ruleFor(policy, 'true && curl x')).toBe('no-curl');
    expect(ruleFor(policy, 'curling')).toBeNull();
  });

  test('a rule with several conditions needs them all', () => {
    const rules = [{ name: 'root-rm', action: 'deny', prefix: 'rm', pattern: '/etc', users: ['root', 'admin'] }];
    const policy = policyOf({ rules });
    expect(ruleFor(policy, 'rm /etc/x', 'root')).toBe('root-rm');
    expect(ruleFor(policy, 'rm /etc/x', 'worker')).toBeNull();
    expect(ruleFor(policy, 'rm /tmp/x', 'root')).toBeNull();
  });

  test('the first rule that matches decides', () => {
    const policy = policyOf({
      default: 'deny',
      rules: [
        { name: 'no-root', action: 'deny', users: ['root'] },
        { name: 'backups', action: 'allow', prefix: '/opt/backup/' },
      ],
    });
    expect(ruleFor(policy, '/opt/backup/run')).toBeNull();
    expect(ruleFor(policy, '/opt/backup/run', 'root')).toBe('no-root');
    expect(ruleFor(policy, 'ls')).toBe('default');
    expect(judgeByPolicy(policy, { text: 'ls', user: 'u' })).toMatchObject({
      error: "no rule of this worker's policy allows the command",
    });
  });
});

describe('reading', () => {
  function faultsOf(text: string): readonly string[] {
    try {
      parsePolicy(text, '/p.json');
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
  }
  const faults = (value: unknown) => faultsOf(JSON.stringify(value));

  test('a file that is not there', () => {
    expect(() => readPolicy('/nonexistent/p.json')).toThrow(
      /HYDRA_POLICY_FILE \/nonexistent\/p.json cannot be read: ENOENT/,
    );
  });

  test('what is not JSON, or not a policy at all', () => {
    expect(faultsOf('{')).toEqual([expect.stringMatching(/^HYDRA_POLICY_FILE \/p.json: is not JSON: /)]);
    expect(faults([])).toEqual(['HYDRA_POLICY_FILE /p.json: is a list; give a JSON object with "default" and "rules"']);
    expect(faults({ rules: {} })).toEqual([expect.stringContaining(': rules is the object {}; give a list of rules')]);
    expect(faults({ default: 'maybe' })).toEqual([expect.stringContaining(': default is "maybe"; give allow or deny')]);
    expect(faults({ rule: [] })).toEqual([expect.stringContaining(': rule is not a known field; did you mean rules?')]);
  });

  test.each([
    [{ action: 'deny', prefix: 'x' }, 'rules[0].name is missing'],
    [{ name: 'default', action: 'deny', prefix: 'x' }, 'rules[0] ("default").name is "default"'],
    [{ name: 'a', action: 'refuse', prefix: 'x' }, 'rules[0] ("a").action is "refuse"; give allow or deny'],
    [{ name: 'a', prefix: 'x' }, 'rules[0] ("a").action is missing; give allow or deny'],
    [{ name: 'a', action: 'deny' }, 'rules[0] ("a") has no condition'],
    [{ name: 'a', action: 'deny', prefix: '' }, 'rules[0] ("a").prefix is ""'],
    [{ name: 'a', action: 'deny', prefix: ' x' }, 'rules[0] ("a").prefix is " x"'],
    [{ name: 'a', action: 'deny', pattern: '(' }, 'rules[0] ("a").pattern is no regular expression of JavaScript: '],
    [{ name: 'a', action: 'deny', pattern: 3 }, 'rules[0] ("a").pattern is 3'],
    [{ name: 'a', action: 'deny', users: [] }, 'rules[0] ("a").users is []; give a list of names of users'],
    [{ name: 'a', action: 'deny', users: 'root' }, 'rules[0] ("a").users is "root"'],
    [
      { name: 'a', action: 'deny', prefx: 'x', prefix: 'x' },
      'rules[0] ("a").prefx is not a known field; did you mean prefix?',
    ],
  ])('%o', (rule, fault) => {
    expect(faults({ rules: [rule] })).toEqual([expect.stringContaining(`/p.json: ${fault}`)]);
  });

  test('two rules of one name, and what is no rule', () => {
    const rule = { name: 'a', action: 'deny', prefix: 'x' };
    expect(faults({ rules: [rule, rule] })).toEqual([expect.stringContaining('rules[1].name is "a" as in rules[0]')]);
    expect(faults({ rules: ['x'] })[0]).toContain('rules[0] is the string "x"; give a JSON object');
  });

  test('all faults at once', () => {
    const broken = { name: 'a', action: 'no', pattern: '[', users: [1] };
    expect(faults({ default: 1, rules: [broken, { ...broken, name: 'b' }] })).toHaveLength(7);
  });
});
