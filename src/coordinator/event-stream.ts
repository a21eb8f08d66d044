import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import type { Event } from '../rpc/generated/hydra/v1/Event.ts';
import type { WatchEventsRequest__Output } from '../rpc/generated/hydra/v1/WatchEventsRequest.ts';
import { formatInstant } from './debug-task.ts';
import type { EventHub, HubEvent } from './event-hub.ts';

/** Events that wait for one reader; further ones are counted and dropped. */
const QUEUE_LIMIT = 1_000;

/** Writes events to one reader until it goes away. A slow reader loses events, and is told how many. */
export class EventStream {
  readonly #queue: Event[] = [];
  #dropped = 0;
  #blocked = false;

  constructor(
    private readonly call: ServerWritableStream<WatchEventsRequest__Output, Event>,
    private readonly hub: EventHub,
    private readonly nowMs: () => number,
    private readonly onDropped: () => void,
  ) {}

  start(): void {
    const { call } = this;
    const kinds = new Set<string>(call.request.kinds);
    const unwatch = this.hub.watch((event) => {
      if (kinds.size === 0 || kinds.has(event.kind)) this.#push(toWire(event, this.nowMs()));
    });
    call.on('drain', () => {
      this.#blocked = false;
      this.#flush();
    });
    for (const end of ['cancelled', 'close', 'error']) call.on(end, unwatch);
    // Says that from now on nothing is missed.
    call.sendMetadata(new Metadata());
  }

  #push(event: Event): void {
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#dropped++;
      this.onDropped();
      return;
    }
    this.#queue.push(this.#dropped === 0 ? event : { ...event, dropped: this.#dropped });
    this.#dropped = 0;
    this.#flush();
  }

  #flush(): void {
    while (!this.#blocked) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#blocked = !this.call.write(next);
    }
  }
}

function toWire(event: HubEvent, nowMs: number): Event {
  return {
    // Before PostgreSQL's clock was read there is only our own.
    at: formatInstant(new Date(Number.isFinite(nowMs) ? nowMs : Date.now())),
    kind: event.kind,
    task_id: event.taskId ?? '',
    attempt: event.attempt ?? 0,
    worker_id: event.workerId ?? '',
    state: event.state ?? '',
    reason: event.reason ?? '',
    ...(event.exitCode == null ? {} : { exit_code: event.exitCode }),
    ...(event.signal == null ? {} : { signal: event.signal }),
  };
}
