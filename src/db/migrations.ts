import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The plain SQL files that make the schema; shipped beside src/ and dist/. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Where node-pg-migrate notes what it applied. */
export const MIGRATIONS_TABLE = 'hydra_migrations';

/** Names of the migrations in a folder, as the table has them: without the suffix. */
export async function listMigrations(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files.filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -'.sql'.length));
}
