// Writes the configuration table into README.md, between the markers, from the tables that the code reads. With --check
// it only fails when the table is out of date.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const BEGIN = '<!-- config:begin -->';
const END = '<!-- config:end -->';

try {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
} catch {
  process.exit(1); // The compiler has said why.
}
const { commandVariables, listVariables } = await import('../dist/cli/variables.js');

/** By name: the commands that read it, with the default it has there. */
const rows = new Map();
for (const command of Object.keys(commandVariables)) {
  for (const { name, description, defaultValue } of listVariables(command)) {
    const row = rows.get(name) ?? { descriptions: [], uses: [] };
    row.descriptions.push(description);
    row.uses.push({ command, defaultValue });
    rows.set(name, row);
  }
}

const code = (text) => (text === '' ? '' : `\`${text}\``);

/** The usual default, then those of commands that have another one. */
function defaults(uses) {
  const usual = uses.at(-1).defaultValue;
  const others = uses.filter((use) => use.defaultValue !== usual);
  return [code(usual), ...others.map((use) => `${use.command}: ${code(use.defaultValue)}`)].join(', ');
}

const lines = [...rows].map(([name, { descriptions, uses }]) => {
  const readers = uses.length === Object.keys(commandVariables).length ? 'all' : uses.map((u) => u.command).join(', ');
  // `up` may say what is special there; the part itself says it in general.
  const meaning = descriptions.at(-1).replaceAll('|', '\\|');
  return `| \`${name}\` | ${readers} | ${defaults(uses)} | ${meaning} |`;
});
const table = ['| Variable | Read by | Default | Meaning |', '|---|---|---|---|', ...lines].join('\n');

const readme = readFileSync('README.md', 'utf8');
const [before, rest = ''] = readme.split(BEGIN);
const [, after] = rest.split(END);
if (after === undefined) throw new Error(`README.md lacks the markers ${BEGIN} and ${END}`);
const updated = `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;

if (!process.argv.includes('--check')) {
  writeFileSync('README.md', updated);
} else if (updated !== readme) {
  console.error('the configuration table in README.md is out of date; run: npm run generate');
  process.exitCode = 1;
}
