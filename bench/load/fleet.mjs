// Many null workers in a few processes.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { sum } from './numbers.mjs';
import { cpuOf } from './usage.mjs';

const CHILD = fileURLToPath(new URL('null-workers.mjs', import.meta.url));
/** More would only take processor time from each other. */
const PROCESSES = 4;
/** Workers that are not worth a process of their own. */
const FEW = 25;
/** Without any progress for so long something is wrong. */
const PATIENCE_MS = 60_000;

class Child {
  #process = fork(CHILD, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  #answers = new Map();
  #serial = 0;
  counts = {};

  constructor() {
    this.pid = this.#process.pid;
    this.#process.on('message', ({ answer, counts, serial }) => {
      if (counts !== undefined) {
        this.counts = counts;
        return;
      }
      // It counts anew from here on.
      if (answer?.counts !== undefined) this.counts = { open: answer.counts.open };
      this.#answers.get(serial)(answer);
      this.#answers.delete(serial);
    });
  }

  /** Does it, and returns the answer. */
  order(order, options = {}) {
    const serial = ++this.#serial;
    this.#process.send({ order, serial, ...options });
    return new Promise((resolve) => this.#answers.set(serial, resolve));
  }

  async end() {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await exited;
  }
}

export class Fleet {
  #children = [];
  size = 0;

  /** `addresses` of coordinators; `hold`: what is dispatched goes on until {@link finish}. */
  constructor({ addresses, slots = 4, hold = false }) {
    this.options = { addresses, slots, hold };
  }

  /** Opens more workers until there are `size`, and returns once all are registered. */
  async grow(size) {
    const wanted = Math.min(PROCESSES, Math.ceil(size / FEW));
    while (this.#children.length < wanted) this.#children.push(new Child());
    const ids = Array.from({ length: size - this.size }, (_, index) => `null-${this.size + index}`);
    const shares = this.#children.map((_, at) => ids.filter((_id, index) => index % this.#children.length === at));
    this.size = size;
    let opened = false;
    void Promise.all(this.#children.map((child, at) => child.order('open', { ids: shares[at], ...this.options }))).then(
      () => (opened = true),
    );
    await this.#until('registered', () => opened);
  }

  /** Waits until so many results are recorded since the last {@link take}. */
  async recorded(count) {
    await this.#until('recorded', () => this.count('recorded') >= count);
  }

  /** The same for registrations. */
  async registered(count) {
    await this.#until('registered', () => this.count('registered') >= count);
  }

  /** The same for tasks that were sent. */
  async dispatched(count) {
    await this.#until('dispatched', () => this.count('dispatched') >= count);
  }

  /** Sessions that are open. */
  get open() {
    return this.count('open');
  }

  count(name) {
    return sum(this.#children.map(({ counts }) => counts[name] ?? 0));
  }

  /** What has happened since the last time, and counts anew. */
  async take() {
    const all = await this.#order('take');
    const counts = Object.fromEntries(
      Object.keys(all[0].counts).map((name) => [name, sum(all.map((one) => one.counts[name]))]),
    );
    const samples = Object.fromEntries(
      Object.keys(all[0].samples).map((name) => [name, all.flatMap((one) => one.samples[name])]),
    );
    const firsts = all.map(({ times }) => times.firstDispatchAt).filter((at) => at !== null);
    const lasts = all.map(({ times }) => times.lastRecordedAt).filter((at) => at !== null);
    return { ...counts, ...samples, firstDispatchAt: Math.min(...firsts), lastRecordedAt: Math.max(...lasts) };
  }

  finish() {
    return this.#order('finish');
  }

  cpu() {
    return sum(this.#children.map(({ pid }) => cpuOf(pid))) + cpuOf(process.pid);
  }

  async end() {
    await Promise.all(this.#children.splice(0).map((child) => child.end()));
    this.size = 0;
  }

  #order(order) {
    return Promise.all(this.#children.map((child) => child.order(order)));
  }

  /** Throws when `name` does not grow any more. */
  async #until(name, done) {
    let count = -1;
    let grewAtMs = 0;
    while (!done()) {
      if (this.count(name) !== count) {
        count = this.count(name);
        grewAtMs = performance.now();
      } else if (performance.now() - grewAtMs > PATIENCE_MS) {
        throw new Error(`${this.size} workers are stuck: ${count} ${name}, and no more in ${PATIENCE_MS / 1000} s`);
      }
      await delay(5);
    }
  }
}
