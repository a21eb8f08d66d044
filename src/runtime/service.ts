/**
 * The one contract for everything that runs: `start` returns once it runs, `stop` once it has truly stopped.
 * `stop` may be called twice, and before `start`; a service is not started again.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts in order; if one fails, stops those before it and throws what it threw. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = [];
  for (const service of services) {
    try {
      started.push(service);
      await service.start();
    } catch (error) {
      await stopAll(started).catch(() => undefined);
      throw error;
    }
  }
}

/** Stops in reverse order, all of them whatever one throws, then throws the first fault. */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const faults: unknown[] = [];
  for (const service of [...services].reverse()) {
    try {
      await service.stop();
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}
