import { HydraError } from '../domain/errors.ts';

/** What `work` comes to, or `HydraError('unavailable')` after `ms`. The work itself goes on, and is then ignored. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HydraError('unavailable', `${what} took longer than ${ms} ms; try again`));
    }, ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
