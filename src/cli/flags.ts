import { Option, type Command } from 'commander';
import type { Environment, Variables } from '../runtime/config.ts';

/** Flags, such as `--http-port <port>`, by the environment variable that each overrides. */
export type Flags = Readonly<Record<string, string>>;

/** Adds the flags to a command; each is described as its variable is. */
export function addFlags(command: Command, flags: Flags, variables: Variables): Command {
  for (const [name, flag] of Object.entries(flags)) {
    const variable = variables[name];
    command.addOption(new Option(flag, `${variable?.desc ?? ''} Overrides ${name}.`));
  }
  return command;
}

/** The flags that were given, as the variables that they override. */
export function givenFlags(command: Command, flags: Flags): Environment {
  const values = command.opts<Record<string, string | undefined>>();
  const given = Object.entries(flags).map(([name, flag]) => [name, values[new Option(flag).attributeName()]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** A fault of the configuration, by the name of the flag where the value came from one. */
export function nameFlag(fault: string, flags: Flags, given: Environment): string {
  const [variable = ''] = fault.split(' ');
  const [flag] = (flags[variable] ?? '').split(' ');
  return variable in given && flag !== undefined ? flag + fault.slice(variable.length) : fault;
}
