import type pg from 'pg';
import type { Queryable } from '../../../src/db/pool.ts';

export interface Statement {
  readonly text: string;
  readonly values?: unknown[];
  readonly name?: string;
}

/** Sends every statement on to `pool`, after `before` was told of it. */
export function intercept(pool: pg.Pool, before: (statement: Statement) => unknown): Queryable {
  const query = async (asked: string | Statement, values?: unknown[]) => {
    const statement = typeof asked === 'string' ? { text: asked, ...(values === undefined ? {} : { values }) } : asked;
    await before(statement);
    return pool.query(statement);
  };
  return { query } as unknown as Queryable;
}
