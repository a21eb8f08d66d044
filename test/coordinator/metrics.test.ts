import { expect, test } from 'vitest';
import { claimPort } from '../../src/cli/up/ports.ts';
import { cancelTask } from '../../src/db/cancel-task.ts';
import { database, inMs, registered, startCoordinator, submitInput, until } from './support/fixture.ts';
import { scrape } from './support/scrape.ts';

test('each kind of end is counted', async () => {
  const { port } = await claimPort({ host: '127.0.0.1', port: 0 }, '');
  const coordinator = await startCoordinator({ HYDRA_HEALTH_PORT: String(port), HYDRA_POLL_MS: '100' });
  const scripted = await registered(coordinator);
  /** Runs the next attempt that comes, which ends like this. */
  const end = async (result: Parameters<typeof scripted.reportEnd>[1]) => {
    const [attempt] = await scripted.attempts(1);
    scripted.reportEnd(attempt!.ref, result);
    await scripted.next('acknowledge');
  };
  await submitInput({});
  await end({});
  await submitInput({ max_attempts: 2, backoff: { type: 'fixed', delay_ms: 0 } });
  await end({ exitCode: 1 });
  await end({ exitCode: 1 });
  await submitInput({});
  await end({ reason: 'worker_lost', exitCode: null, error: 'has to leave' });
  const [again] = await scripted.attempts(1);
  await cancelTask(database.pool, again!.ref.taskId);
  await scripted.next('cancel');
  scripted.reportEnd(again!.ref, { reason: 'cancelled', exitCode: null });
  await scripted.next('acknowledge');
  const ahead = await submitInput({ scheduled_at: inMs(20_000) });
  await until(ahead, { state: 'picked' });
  await cancelTask(database.pool, ahead);
  await until(ahead, { state: 'cancelled' });
  const late = await submitInput({ labels: { run: 'nowhere' }, start_deadline: inMs(200) });
  await until(late, { state: 'expired' });
  const wanted = {
    'hydra_ended_total{state="completed"}': 1,
    'hydra_ended_total{state="failed"}': 1,
    'hydra_ended_total{state="cancelled"}': 2,
    'hydra_ended_total{state="expired"}': 1,
    hydra_retried_total: 1,
    hydra_handed_back_total: 1,
    hydra_cancels_total: 1,
    hydra_lost_total: 0,
  };
  // What is recorded is counted a moment after.
  await expect.poll(() => scrape(port)).toMatchObject(wanted);
});
