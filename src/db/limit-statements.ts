import { HydraError } from '../domain/errors.ts';
import { noteUnsent } from './connection-fate.ts';
import type { Queryable } from './pool.ts';

/**
 * The same, but of the statements that are sent to it at most `most` are under way or wait for a connection; `onFull` is
 * told of each that is refused with `HydraError('unavailable')`. A pool alone keeps any number waiting.
 */
export function limitStatements(db: Queryable, most: number, onFull: () => void): Queryable {
  const send = (...args: unknown[]) => (db.query as (...args: unknown[]) => Promise<unknown>).apply(db, args);
  let underWay = 0;
  const query = async (...args: unknown[]) => {
    if (underWay >= most) {
      onFull();
      const error = new HydraError('unavailable', 'too many statements wait for PostgreSQL; try again');
      noteUnsent(error);
      throw error;
    }
    underWay += 1;
    try {
      return await send(...args);
    } finally {
      underWay -= 1;
    }
  };
  return { query: query as Queryable['query'] };
}
