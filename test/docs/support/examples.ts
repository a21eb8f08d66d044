/** A command of docs/grpcurl.md with what it printed there. */
export interface Example {
  /** `list`, `describe` or the method, with a slash before its name; `events` for what a watch printed later. */
  readonly verb: string;
  /** Of `list` and `describe`. */
  readonly symbol: string;
  /** JSON. */
  readonly request: string;
  readonly output: string;
}

/** Reads the code blocks of a page: each command is followed by what it printed, except for a watch. */
export function readExamples(page: string): Example[] {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)\n```$/gms)].map(([, kind = '', text = '']) => ({ kind, text }));
  const isCommand = (i: number) => blocks[i]?.kind === 'sh' && blocks[i].text.startsWith('grpcurl ');
  return blocks.flatMap(({ kind, text }, i) => {
    const next = blocks[i + 1];
    if (isCommand(i)) return [{ ...readCommand(text), output: next?.kind === 'sh' ? '' : (next?.text ?? '') }];
    if (kind === 'sh' || isCommand(i - 1)) return [];
    return [{ verb: 'events', symbol: '', request: '', output: text }];
  });
}

/** The request is in `-d '…'`, or with `-d @` in a here document, where `$(date …)` is an instant in ten seconds. */
function readCommand(text: string): Omit<Example, 'output'> {
  const [command = '', document = ''] = text.split(/<<EOF\n/);
  const quoted = /-d '([^']*)'/.exec(command)?.[1];
  const soon = new Date(Date.now() + 10_000).toISOString();
  const request = quoted ?? document.replace(/\nEOF$/, '').replaceAll(/\$\(date [^)]*\)/g, soon);
  const [, rest = ''] = command.replaceAll(/\\\n\s*/g, '').split(/127\.0\.0\.1:5001\s+/);
  const [verb = '', symbol = ''] = rest.trim().split(/\s+/);
  return { verb, symbol, request: request === '' ? '{}' : request };
}
