export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** What a page tells of a run of its own, in the names of this one: ids of tasks and workers are others each time. */
export class Told {
  readonly #real = new Map<string, string>();

  translate(text: string): string {
    let result = text;
    for (const [told, real] of this.#real) result = result.replaceAll(told, real);
    return result;
  }

  /** What was told, and what is answered, ready to be compared. The answer may show what stands for an id. */
  compare(told: Json, answer: Json): { readonly expected: Json; readonly actual: Json } {
    this.#learn(told, answer);
    const translated = JSON.parse(this.translate(JSON.stringify(told))) as Json;
    return { expected: comparable(translated), actual: comparable(answer) };
  }

  /** A task is known from its submission on. Which worker got it is chance, so the newest answer counts. */
  #learn(told: Json, answer: Json): void {
    if (!isObject(told) || !isObject(answer)) return;
    const own = answer as JsonObject;
    for (const [key, value] of Object.entries(told)) {
      const real = own[key] ?? null;
      const isId = key === 'worker_id' || (key === 'task_id' && typeof value === 'string' && !this.#real.has(value));
      if (isId && typeof value === 'string' && typeof real === 'string') this.#real.set(value, real);
      this.#learn(value, real);
    }
  }
}

/** Measured or not as chance has it. */
const USAGE = ['cpu_ms', 'peak_memory_bytes'];

/** With what differs from run to run blotted out or left out, and with keys in order. */
function comparable(value: Json, key = ''): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => comparable(item, key));
  if (isObject(value)) {
    const known = Object.entries(value).filter(([name]) => !USAGE.includes(name));
    const entries = known.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([name, item]) => [name, comparable(item, name)]));
  }
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return 'an instant';
  return ['pid', 'version', 'coordinator_id'].includes(key) ? `some ${key}` : value;
}

function isObject(value: Json): value is readonly Json[] | JsonObject {
  return typeof value === 'object' && value !== null;
}
