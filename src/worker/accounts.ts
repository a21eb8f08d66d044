import { execFile } from 'node:child_process';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

export type FoundAccount =
  { readonly ok: true; readonly account: Account } | { readonly ok: false; readonly error: string };

/** How long an account is taken to be as it was. Those that do not exist are asked for again each time. */
const FRESH_MS = 60_000;
/** Longer than a directory server usually takes to answer. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** More than this many fresh ones: the oldest goes. */
const MOST_KEPT = 1_000;
/** What getent says with its exit code when there is no such entry. */
const NOT_FOUND = 2;

/** Looks users up in whatever this machine knows them from: files, LDAP and others. */
export class Accounts {
  readonly #found = new Map<string, { readonly account: Account; readonly atMs: number }>();
  readonly #asked = new Map<string, Promise<FoundAccount>>();

  constructor(private readonly now: () => number) {}

  /** By name, or by number written as digits. Never rejects. */
  async find(name: string): Promise<FoundAccount> {
    const known = this.#found.get(name);
    if (known && this.now() - known.atMs < FRESH_MS) return { ok: true, account: known.account };
    const asked = this.#asked.get(name) ?? this.#ask(name);
    this.#asked.set(name, asked);
    return asked;
  }

  async #ask(name: string): Promise<FoundAccount> {
    const found = await lookUp(name);
    this.#asked.delete(name);
    this.#found.delete(name);
    if (found.ok) this.#found.set(name, { account: found.account, atMs: this.now() });
    const oldest = this.#found.keys().next();
    if (this.#found.size > MOST_KEPT && oldest.done !== true) this.#found.delete(oldest.value);
    return found;
  }
}

function lookUp(name: string): Promise<FoundAccount> {
  const unknown: FoundAccount = { ok: false, error: `there is no user ${name} on this worker` };
  // Not every getent knows `--`.
  if (name.startsWith('-')) return Promise.resolve(unknown);
  return new Promise((resolve) => {
    execFile('getent', ['passwd', name], { timeout: LOOKUP_TIMEOUT_MS }, (error, stdout) => {
      if (error === null) resolve(parse(name, stdout));
      else if (error.code === NOT_FOUND) resolve(unknown);
      else resolve({ ok: false, error: `the user ${name} could not be looked up: ${error.message.trim()}` });
    });
  });
}

/** A line is `name:password:uid:gid:comment:home:shell`. */
function parse(asked: string, line: string): FoundAccount {
  const [name = '', , uid = '', gid = '', , home = '', shell = ''] = line.trimEnd().split(':');
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) {
    return { ok: false, error: `the user ${asked} could not be looked up: getent says ${JSON.stringify(line)}` };
  }
  return {
    ok: true,
    account: { name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' },
  };
}
