import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Answer } from './answer.ts';
import { settlesWithin } from './timer.ts';

/** Every address of a host name. Rejects with an error that has a code, such as ENOTFOUND. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Where coordinators are, as far as names tell. */
export interface Whereabouts {
  /** `ip:port`, an IPv6 address in brackets. */
  readonly addresses: ReadonlySet<string>;
  /** Those of which no address is known, as they are configured. */
  readonly missing: ReadonlyMap<string, Extract<Answer, { kind: 'absent' | 'unknown' }>>;
}

interface Name {
  readonly text: string;
  readonly host: string;
  readonly port: string;
  /** Of the newest lookup that found any. */
  found: readonly string[];
  /** How the newest lookup failed. */
  fault: string | null;
  askedAtMs: number;
  lookingUp: Promise<void> | null;
}

/** Finds out where the configured coordinators are, anew each time, since they come and go behind a name. */
export class CoordinatorAddresses {
  readonly #fixed: readonly string[];
  readonly #names: readonly Name[];

  /** `configured`: `host:port` each, an IPv6 host in brackets. */
  constructor(
    configured: readonly string[],
    private readonly lookup: Lookup,
    private readonly now: () => number,
  ) {
    const entries = configured.map(split);
    this.#fixed = entries.filter(({ host }) => isAddress(host)).map(({ text }) => text);
    this.#names = entries
      .filter(({ host }) => !isAddress(host))
      .map((entry) => ({ ...entry, found: [], fault: null, askedAtMs: 0, lookingUp: null }));
  }

  /** Looks all names up. A lookup that fails, finds nothing or takes longer leaves what was found last. */
  async locate(timeoutMs: number): Promise<Whereabouts> {
    if (this.#names.length > 0)
      await settlesWithin(Promise.all(this.#names.map((name) => this.#look(name))), timeoutMs);
    const found = this.#names.flatMap((name) => name.found.map((host) => join(host, name.port)));
    const missing = this.#names.filter((name) => name.found.length === 0);
    return {
      addresses: new Set([...this.#fixed, ...found]),
      missing: new Map(missing.map((name) => [name.text, whyMissing(name)])),
    };
  }

  /** One at a time for each name: the system may take long, and works on few at once. */
  async #look(name: Name): Promise<void> {
    name.lookingUp ??= this.#lookUp(name).finally(() => (name.lookingUp = null));
    await name.lookingUp;
  }

  async #lookUp(name: Name): Promise<void> {
    name.askedAtMs = this.now();
    try {
      const found = await this.lookup(name.host);
      if (found.length > 0) name.found = found;
      name.fault = 'ENOTFOUND';
    } catch (error) {
      name.fault = (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }
}

/** The system's, without addresses that this machine has no way to. */
export const systemLookup: Lookup = async (host) => {
  const found = await lookup(host, { all: true });
  return withoutForeignFamily(
    found.map(({ address }) => address),
    Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []),
  );
};

/**
 * Without the IPv6 addresses of a name that has both kinds, when the machine has none of its own: they could never be
 * asked, so nothing would ever be known of who is there.
 */
export function withoutForeignFamily(found: readonly string[], own: readonly string[]): readonly string[] {
  const hasGlobal = own.some((address) => isIPv6(address) && !isLocal(address));
  const hasLocal = own.some((address) => isIPv6(address) && isLocal(address));
  const usable = found.filter((address) => isIPv4(address) || (isLocal(address) ? hasLocal : hasGlobal));
  return usable.length > 0 ? usable : found;
}

/** Of IPv6: the loopback, and what is valid on one link only. */
function isLocal(address: string): boolean {
  return address === '::1' || /^fe[89ab]/i.test(address);
}

function whyMissing({ lookingUp, fault, askedAtMs }: Name): Extract<Answer, { kind: 'absent' | 'unknown' }> {
  if (lookingUp) return { kind: 'unknown', why: 'is a name that could not be looked up in time' };
  if (fault === 'ENOTFOUND') return { kind: 'absent', askedAtMs, why: 'is a name that does not exist' };
  return { kind: 'unknown', why: `is a name that could not be looked up (${fault ?? 'no answer'})` };
}

function split(text: string): { text: string; host: string; port: string } {
  const colon = text.lastIndexOf(':');
  return { text, host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: text.slice(colon + 1) };
}

function isAddress(host: string): boolean {
  return isIPv4(host) || isIPv6(host);
}

function join(host: string, port: string): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
