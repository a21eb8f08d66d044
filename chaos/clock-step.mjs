// Loaded into each process of Hydra before anything else: its wall clock is off by as many milliseconds as the file says
// that CHAOS_CLOCK_FILE names, from the moment that it is changed. What counts time must not notice.
import { readFileSync, watchFile } from 'node:fs';

const POLL_MS = 100;
const file = process.env.CHAOS_CLOCK_FILE ?? '';
const TrueDate = Date;
let offMs = 0;

function read() {
  try {
    offMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    offMs = 0;
  }
}

const now = () => TrueDate.now() + offMs;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new TrueDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

if (file !== '') {
  read();
  watchFile(file, { interval: POLL_MS, persistent: false }, read);
}
