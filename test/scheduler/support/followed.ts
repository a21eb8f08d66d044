/** One server-sent event. */
export interface SentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads server-sent events as a client does, from an answer of `fetch`. Ends with the answer. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent, void> {
  let rest = '';
  for await (const chunk of textOf(response)) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
      );
      const [event, id, data] = ['event', 'id', 'data'].map((name) => fields.get(name) ?? '') as [
        string,
        string,
        string,
      ];
      if (event === '') continue; // a comment, or how long to wait
      yield { event, id, data: JSON.parse(data) as SentEvent['data'] };
    }
  }
  if (rest !== '') throw new Error(`the answer ends in the middle of an event: ${rest}`);
}

async function* textOf(response: Response): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  if (response.body === null) return;
  for await (const chunk of response.body) yield decoder.decode(chunk as Uint8Array, { stream: true });
}

/** The bytes that an `output` event carries. */
export function bytesOf({ data }: SentEvent): Buffer {
  return typeof data.text === 'string' ? Buffer.from(data.text) : Buffer.from(String(data.base64), 'base64');
}
