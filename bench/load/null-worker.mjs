// A worker that runs nothing: what it is sent has started and ended at once. All else is what a real worker does, with
// the real worker's own connection: registering, heartbeats, windows, finding another coordinator.
import { randomUUID } from 'node:crypto';
import { Connection } from '../../dist/worker/connection.js';
import { CoordinatorAddresses, systemLookup } from '../../dist/worker/coordinator-addresses.js';
import { refKey } from '../../dist/rpc/messages.js';

const now = () => performance.now();
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A result of a command that took no time. */
const RESULT = {
  startedAgeUs: 1,
  endedAgeUs: 0,
  result: { reason: 'exited', exitCode: 0, signal: null, error: null },
  output: [],
  usage: { cpuMs: 0, peakMemoryBytes: null },
};

export class NullWorker {
  /** Results in hand, by attempt: those that wait to be sent, and those that wait to be acknowledged. */
  #waiting = new Map();
  #sent = new Map();
  /** What was told to go on. */
  #held = new Map();
  #window = Infinity;
  #ordinal = 0;
  #leaseUntilMs = 0;
  #leaseMs = 0;

  /**
   * @param options.hold what it is sent goes on until {@link finish}
   * @param tally told of what happens
   */
  constructor({ id, slots, addresses, hold }, tally) {
    this.id = id;
    this.slots = slots;
    this.hold = hold;
    this.tally = tally;
    this.instanceId = randomUUID();
    this.connection = new Connection({
      addresses: new CoordinatorAddresses(addresses, systemLookup, now),
      logger: silent,
      now,
      registration: () => this.#registration(),
      leftMs: () => this.#leftMs(),
      onRegistered: (registered, sentAtMs) => this.#registered(registered, sentAtMs),
      onAck: ({ renewed }, sentAtMs) => {
        this.tally.heartbeat(now() - sentAtMs, renewed);
        if (renewed) this.#leaseUntilMs = sentAtMs + this.#leaseMs;
      },
      onHeldOff: () => undefined,
      onResultWindow: (count) => {
        this.#window = Math.min(count, this.#ownWindow);
        this.#report();
      },
      onInstruction: (instruction) => this.#follow(instruction),
      onSessionEnded: () => this.tally.ended(),
      onClosed: () => undefined,
    });
  }

  open() {
    this.connection.open();
  }

  close() {
    this.connection.abort();
  }

  /** All that goes on ends, and what is sent from now on ends at once. */
  finish() {
    this.hold = false;
    for (const [key, ref] of this.#held) this.#waiting.set(key, ref);
    this.#held.clear();
    this.#report();
  }

  get #ownWindow() {
    return 4 * this.slots + 100;
  }

  /** Of the lease of what goes on, as long as there is something to keep. */
  #leftMs() {
    const leftMs = this.#leaseUntilMs - now();
    return this.#held.size > 0 && leftMs > 0 ? leftMs : Infinity;
  }

  #registration() {
    const inHand = [...this.#held.values(), ...this.#sent.values(), ...this.#waiting.values()];
    return {
      workerId: this.id,
      instanceId: this.instanceId,
      hostname: 'bench',
      slots: this.slots,
      labels: {},
      queues: ['*'],
      version: 'bench',
      pid: process.pid,
      inHand: inHand.map((ref) => ({ ref, startedAgeUs: 1 })),
      draining: false,
      ordinal: ++this.#ordinal,
    };
  }

  #registered({ leaseMs, resultWindow, superseded }, sentAtMs) {
    this.#leaseMs = leaseMs;
    this.#leaseUntilMs = sentAtMs + leaseMs;
    this.#window = resultWindow > 0 ? Math.min(resultWindow, this.#ownWindow) : this.#ownWindow;
    this.tally.registered(superseded.length);
    for (const ref of superseded) this.#forget(ref);
    for (const [key, ref] of this.#sent) this.#waiting.set(key, ref);
    this.#sent.clear();
    this.#report();
  }

  #follow(instruction) {
    switch (instruction.kind) {
      case 'dispatch':
        for (const { lateUs, ref } of instruction.attempts) {
          this.tally.dispatched(lateUs / 1000);
          (this.hold ? this.#held : this.#waiting).set(refKey(ref), ref);
        }
        if (this.hold)
          this.connection.send({ kind: 'report', started: instruction.attempts.map(started), finished: [] });
        break;
      case 'acknowledge':
        for (const ref of [...instruction.recorded, ...instruction.superseded]) this.#sent.delete(refKey(ref));
        this.tally.acknowledged(instruction.recorded.length, instruction.superseded.length);
        break;
      case 'stop':
        this.tally.acknowledged(0, instruction.refs.length);
        for (const ref of instruction.refs) this.#forget(ref);
        break;
    }
    this.#report();
  }

  /** As many results as the window allows, in one frame. */
  #report() {
    const finished = [];
    for (const [key, ref] of this.#waiting) {
      if (this.#sent.size >= this.#window) break;
      this.#waiting.delete(key);
      this.#sent.set(key, ref);
      finished.push({ ref, ...RESULT });
    }
    if (finished.length > 0) this.connection.send({ kind: 'report', started: [], finished });
  }

  #forget(ref) {
    for (const map of [this.#held, this.#waiting, this.#sent]) map.delete(refKey(ref));
  }
}

const started = ({ ref }) => ({ ref, startedAgeUs: 1 });
