/** Longest part of what somebody sent that is repeated to them. */
export const MAX_QUOTED = 60;

/** Cut short where it is longer than anybody reads. */
export function cutShort(text: string): string {
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}

/** The path of a field within another, such as `labels.region`; `''` is the root. */
export function fieldPath(parent: string, name: string): string {
  return parent === '' ? cutShort(name) : `${parent}.${cutShort(name)}`;
}

/** The path of an entry of a list, such as `tasks[3]`. */
export function entryPath(parent: string, index: number | string): string {
  return `${parent}[${index}]`;
}
