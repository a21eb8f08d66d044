/**
 * SQL: the lease until `lease` had ended at the instant `before`, in milliseconds since the epoch by PostgreSQL's clock,
 * and has not been renewed since. `NULL`: nobody's lease counts as ended.
 *
 * Whoever takes a lease says at which instant it had the right to. A statement may be held up on its way for as long
 * as it likes: it takes nothing whose owner was alive at that instant, whatever was promised to them meanwhile. And not
 * what is alive now, since the clock may have been set back in between.
 */
export function leaseEndedSql(lease: string, before: string): string {
  return /* sql */ `(${lease} < to_timestamp(${before}::float8 / 1000) AND ${lease} < statement_timestamp())`;
}
