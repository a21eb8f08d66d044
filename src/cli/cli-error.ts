/** A fault that the person at the terminal can act on. Printed as its message alone, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
