import { setTimeout as delay } from 'node:timers/promises';

/** An answer may take so long; then the request is made again. */
const REQUEST_TIMEOUT_MS = 5_000;
const LEAST_WAIT_MS = 50;
const MOST_WAIT_MS = 500;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A client of the REST API that asks again until it has an answer, as the API's reference tells clients to do. */
export class Client {
  constructor(
    private readonly url: () => string,
    private readonly signal: AbortSignal,
    /** A request that nobody serves for so long is given up. */
    private readonly patienceMs: number,
  ) {}

  /** Submits tasks, in one request, and returns their ids in order. Repeated as it is until it is answered. */
  async submit(tasks: readonly Readonly<Record<string, unknown>>[]): Promise<string[]> {
    const [single] = tasks;
    if (tasks.length === 1 && single !== undefined) {
      const { body } = await this.#persist('POST', '/schedule', [200, 201], single);
      return [(body as { task_id: string }).task_id];
    }
    const { body } = await this.#persist('POST', '/schedule/batch', [201], { tasks });
    return (body as { task_ids: string[] }).task_ids;
  }

  /** Cancels a task, which may have ended. */
  async cancel(id: string): Promise<void> {
    await this.#persist('DELETE', `/schedule/${id}`, [200, 202, 409]);
  }

  /** Asks a worker to leave; one that is not registered at the moment is not told. */
  async drain(workerId: string, timeoutMs: number): Promise<void> {
    const path = `/workers/${encodeURIComponent(workerId)}/drain`;
    await this.#persist('POST', path, [202, 404], { timeout_ms: timeoutMs });
  }

  /** Whether a request that needs PostgreSQL is answered now. */
  async isServed(): Promise<boolean> {
    return (await this.#ask('GET', '/schedule?limit=1')).status === 200;
  }

  /** @throws Error on an answer that says that the request was wrong, after all patience, or when the run is called off. */
  async #persist(method: string, path: string, wanted: readonly number[], body?: unknown): Promise<Answer> {
    for (const deadline = performance.now() + this.patienceMs; ;) {
      const answer = await this.#ask(method, path, body).catch(() => null);
      if (answer !== null && wanted.includes(answer.status)) return answer;
      if (answer !== null && answer.status < 500) {
        throw new Error(`${method} ${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
      }
      if (performance.now() > deadline) {
        const last =
          answer === null ? 'there is no answer' : `the answer is ${answer.status}: ${JSON.stringify(answer.body)}`;
        throw new Error(`${method} ${path} was not served for ${this.patienceMs / 1_000} s; ${last}`);
      }
      await delay(LEAST_WAIT_MS + Math.random() * (MOST_WAIT_MS - LEAST_WAIT_MS), undefined, { signal: this.signal });
    }
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.url() + path, {
      method,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }
}
