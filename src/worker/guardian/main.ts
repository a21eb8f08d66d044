import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { GroupKeeper } from './group-keeper.ts';
import type { Keeper } from './keeper.ts';
import { LeaseAlarm } from './lease-alarm.ts';
import { ProcessTable } from './process-table.ts';
import type { FromCompanion, Hello, ToCompanion } from './protocol.ts';
import { Warden } from './warden.ts';

/**
 * The companion of a worker: a process of its own that ends what the worker runs, and goes on when the worker has been
 * killed. It ends when the IPC channel does, after everything else has.
 */

/** Whoever stops the worker's group or terminal does not mean us: while the worker lives, it needs us. */
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

preferSelf();
let keeper: Keeper | null = null;
/** The worker does that by itself, but not while it is halted or hangs; others may run the same from then on. */
const leaseAlarm = new LeaseAlarm(() => keeper?.fence());

process.on('message', (message: ToCompanion) => {
  switch (message.kind) {
    case 'hello':
      keeper = create(message);
      send({ kind: 'ready' });
      return;
    case 'begin':
      keeper?.begin(message);
      // It was started as the lease ended, and told of late.
      if (leaseAlarm.hasEnded) keeper?.fence();
      return;
    case 'signal':
      keeper?.signal(message);
      return;
    case 'end':
      keeper?.end(message);
      return;
    case 'lease':
      leaseAlarm.set(message.atMs);
      return;
  }
});

process.once('disconnect', () => {
  void (keeper?.abandon() ?? Promise.resolve({ killed: 0, survivors: 0 })).then(({ killed, survivors }) => {
    if (killed > 0) process.stderr.write(`hydra guardian: killed ${killed} processes that the worker had left\n`);
    if (survivors > 0) process.stderr.write(`hydra guardian: ${survivors} processes could not be killed\n`);
    process.exit();
  });
});

/** Before all that fight for the processor: it needs little, and is most needed then. Only root may do that. */
function preferSelf(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
    // Where the system shares the processor out by session, that alone counts only within ours.
    writeFileSync('/proc/self/autogroup', String(constants.priority.PRIORITY_HIGHEST));
  } catch {
    // Then as everybody else.
  }
}

function create({ proc, cgroup }: Hello): Keeper {
  return proc ? new Warden({ table: new ProcessTable(), info: proc, cgroup, send }) : new GroupKeeper(send);
}

function send(message: FromCompanion): void {
  // The worker may die at any moment; then there is nobody to tell.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
