/** How long what should live does: longer than any test. */
const LONG = 86_400;
let count = 0;

/** A number of seconds to sleep, no other like it on this machine; it shows in the arguments of whoever sleeps it. */
export function uniqueSleep(): string {
  count += 1;
  return `${LONG}.${process.pid}${String(count).padStart(4, '0')}`;
}

export interface Nasty {
  readonly name: string;
  /** A script for `sh -c`. */
  readonly script: (sleep: string) => string;
  /** How many processes are `sleep` with that argument once it runs. */
  readonly sleepers: number;
  /** It cannot be found any more once the command has ended, unless the worker has a mark. */
  readonly needsWorkerMark?: true;
}

/** Processes that are hard to get rid of. The command itself stays, too. */
export const NASTY: readonly Nasty[] = [
  { name: 'a background child', script: (s) => `sleep ${s} & exec sleep ${s}`, sleepers: 2 },
  { name: 'a double fork', script: (s) => `(sleep ${s} &) ; exec sleep ${s}`, sleepers: 2 },
  { name: 'a daemon in a session of its own', script: (s) => `(setsid sleep ${s} &) ; exec sleep ${s}`, sleepers: 2 },
  {
    name: 'a daemon whose session was begun by a process that has ended',
    script: (s) => `(setsid sh -c 'sleep ${s} & env -i sleep ${s} &' &) ; exec sleep ${s}`,
    sleepers: 3,
  },
  {
    name: 'a daemon that closed its streams and cleared its environment',
    script: (s) => `setsid env -i sh -c 'exec sleep ${s} <&- >&- 2>&-' & exec sleep ${s}`,
    sleepers: 2,
    needsWorkerMark: true,
  },
  {
    name: 'one that ignores every signal that can be ignored',
    script: (s) => `trap '' TERM INT HUP QUIT USR1 USR2; sleep ${s} & exec sleep ${s}`,
    sleepers: 2,
  },
  {
    name: 'one that is halted',
    script: (s) => `sleep ${s} & until grep -q sleep /proc/$!/comm; do :; done; kill -STOP $!; exec sleep ${s}`,
    sleepers: 2,
  },
  {
    name: 'sessions in sessions',
    script: (s) => `setsid sh -c 'setsid sh -c "setsid sleep ${s} & sleep ${s}; :" & sleep ${s}; :' & exec sleep ${s}`,
    sleepers: 4,
  },
  {
    name: 'a grandchild that holds the streams',
    script: (s) => `sh -c 'sh -c "sleep ${s}; :" & exit' ; exec sleep ${s}`,
    sleepers: 2,
  },
];
