// A process with many null workers, told by its parent what to do.
import { setTimeout as delay } from 'node:timers/promises';
import { NullWorker } from './null-worker.mjs';

/** How often the parent is told how far things are. */
const TELL_MS = 50;
/** Workers that connect at once. */
const OPENING = 25;

const clock = () => performance.timeOrigin + performance.now();

/** What the parent was told last. */
let told = '';

/** Everything that has happened; instants are milliseconds since the epoch. */
const tally = {
  counts: { registered: 0, open: 0, sessionsEnded: 0, dispatched: 0, recorded: 0, superseded: 0, notRenewed: 0 },
  times: { firstDispatchAt: null, lastRecordedAt: null },
  samples: { heartbeatMs: [], lateMs: [], registeredAt: [] },

  registered(superseded) {
    this.counts.registered += 1;
    this.counts.open += 1;
    this.counts.superseded += superseded;
    this.samples.registeredAt.push(clock());
  },
  ended() {
    this.counts.sessionsEnded += 1;
    this.counts.open = Math.max(0, this.counts.open - 1);
  },
  heartbeat(ms, renewed) {
    if (renewed) this.samples.heartbeatMs.push(ms);
    else this.counts.notRenewed += 1;
  },
  dispatched(lateMs) {
    this.counts.dispatched += 1;
    this.times.firstDispatchAt ??= clock();
    this.samples.lateMs.push(lateMs);
  },
  acknowledged(recorded, superseded) {
    this.counts.recorded += recorded;
    this.counts.superseded += superseded;
    if (recorded > 0) this.times.lastRecordedAt = clock();
  },
};

const workers = [];

const orders = {
  async open({ ids, ...options }) {
    for (let at = 0; at < ids.length; at += OPENING) {
      const wanted = tally.counts.registered + Math.min(OPENING, ids.length - at);
      for (const id of ids.slice(at, at + OPENING)) {
        const worker = new NullWorker({ id, ...options }, tally);
        workers.push(worker);
        worker.open();
      }
      while (tally.counts.registered < wanted) await delay(5);
    }
  },
  close() {
    for (const worker of workers.splice(0)) worker.close();
  },
  finish() {
    for (const worker of workers) worker.finish();
  },
  /** Begins to count anew, and says what there was. */
  take() {
    const taken = { counts: { ...tally.counts }, times: tally.times, samples: { ...tally.samples } };
    const { open } = tally.counts;
    for (const name of Object.keys(tally.counts)) tally.counts[name] = 0;
    tally.counts.open = open;
    tally.times = { firstDispatchAt: null, lastRecordedAt: null };
    for (const name of Object.keys(tally.samples)) tally.samples[name] = [];
    told = '';
    return taken;
  },
};

process.on('message', ({ order, serial, ...options }) => {
  void Promise.resolve(orders[order](options)).then((answer) => process.send({ serial, answer }));
});
process.on('disconnect', () => process.exit());

setInterval(() => {
  const news = JSON.stringify(tally.counts);
  if (news !== told) process.send({ counts: tally.counts });
  told = news;
}, TELL_MS);
