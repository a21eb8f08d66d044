/** The REST API as a test uses it. */

/** What is submitted, as a user writes it; the server says what is wrong with it. */
export type SubmittedTask = Readonly<Record<string, unknown>>;

export interface ShownTask {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly retries: number;
  readonly lost_attempts: number;
  readonly worker_id: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly error: string | null;
  readonly cancel_requested_at: string | null;
}

export interface ShownAttempt {
  readonly attempt: number;
  readonly worker_id: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly error: string | null;
}

async function request<T>(method: 'GET' | 'POST' | 'DELETE', url: string, body?: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, {
    method,
    ...(body !== undefined && { headers, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Submits tasks in one batch and returns their ids in order. */
export async function submitBatch(url: string, tasks: readonly SubmittedTask[]): Promise<readonly string[]> {
  const { task_ids: ids } = await request<{ task_ids: string[] }>('POST', `${url}/schedule/batch`, { tasks });
  return ids;
}

export function readTask(url: string, id: string): Promise<ShownTask> {
  return request('GET', `${url}/schedule/${id}`);
}

export async function readAttempts(url: string, id: string): Promise<readonly ShownAttempt[]> {
  return (await request<{ attempts: ShownAttempt[] }>('GET', `${url}/schedule/${id}/attempts`)).attempts;
}

/** Throws when it has ended otherwise. */
export function cancelTask(url: string, id: string): Promise<ShownTask> {
  return request('DELETE', `${url}/schedule/${id}`);
}

export function cancelTasks(
  url: string,
  filter: Readonly<Record<string, unknown>>,
): Promise<{ readonly cancelled: number; readonly cancelling: number }> {
  return request('POST', `${url}/schedule/cancel`, filter);
}

/** Throws when it has not ended. */
export function retryTask(url: string, id: string): Promise<ShownTask> {
  return request('POST', `${url}/schedule/${id}/retry`);
}

/** Throws when it does not wait. */
export function runTaskNow(url: string, id: string): Promise<ShownTask> {
  return request('POST', `${url}/schedule/${id}/run-now`);
}

/** Without `timeoutMs`: as the worker is configured. */
export async function drainWorker(url: string, workerId: string, timeoutMs?: number): Promise<void> {
  const body = timeoutMs === undefined ? undefined : { timeout_ms: timeoutMs };
  await request('POST', `${url}/workers/${encodeURIComponent(workerId)}/drain`, body);
}

/** Waits until every task has ended, and returns them. */
export async function allEnded(url: string, ids: readonly string[]): Promise<ShownTask[]> {
  const ended: ShownTask[] = [];
  for (const id of ids) {
    for (;;) {
      const task = await readTask(url, id);
      if (['completed', 'failed', 'cancelled', 'expired'].includes(task.state)) {
        ended.push(task);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return ended;
}
