import { listMigrations, MIGRATIONS_FOLDER, MIGRATIONS_TABLE } from './migrations.ts';
import type { Queryable } from './pool.ts';
import { sqlStateOf } from './unavailable.ts';

export interface SchemaStatus {
  /** Whether the database has every migration of this version of Hydra. It may have newer ones, too. */
  readonly current: boolean;
  /** Names of those it does not have. */
  readonly missing: string[];
}

const APPLIED_SQL = /* sql */ `SELECT name FROM ${MIGRATIONS_TABLE}`;

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNDEFINED_TABLE = '42P01';

/** Compares migrations/ with what the database has: one read of a small table. Throws what `pg` throws. */
export async function readSchemaStatus(db: Queryable): Promise<SchemaStatus> {
  const [wanted, applied] = await Promise.all([listMigrations(MIGRATIONS_FOLDER), readApplied(db)]);
  const missing = wanted.filter((name) => !applied.has(name)).sort();
  return { current: missing.length === 0, missing };
}

async function readApplied(db: Queryable): Promise<Set<string>> {
  try {
    const { rows } = await db.query<{ name: string }>(APPLIED_SQL);
    return new Set(rows.map((row) => row.name));
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return new Set();
    throw error;
  }
}
