/** The REST API as a test uses it. */

export interface SubmittedTask {
  readonly command: string;
  readonly scheduled_at?: string;
}

export interface ShownTask {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly worker_id: string | null;
  readonly exit_code: number | null;
  readonly reason: string | null;
}

async function request<T>(url: string, body?: unknown): Promise<T> {
  const response = await fetch(
    url,
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  );
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Submits tasks in one batch and returns their ids in order. */
export async function submitBatch(url: string, tasks: readonly SubmittedTask[]): Promise<readonly string[]> {
  const { task_ids: ids } = await request<{ task_ids: string[] }>(`${url}/schedule/batch`, { tasks });
  return ids;
}

export function readTask(url: string, id: string): Promise<ShownTask> {
  return request<ShownTask>(`${url}/schedule/${id}`);
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
