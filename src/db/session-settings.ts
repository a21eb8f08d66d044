/**
 * PostgreSQL notices within 25 s when we are gone without a word, so that the dead hold no locks and do not fill it up.
 */
export const KEEPALIVES = { tcp_keepalives_idle: 10, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 };

/** Settings of a session as `pg` takes them in `options`. */
export function sessionOptions(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}
