import type pg from 'pg';
import type { Statement } from './intercept.ts';

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Plan[];
}

export interface Cost {
  /** Blocks that were read, from memory or not. */
  readonly blocks: number;
  /** Tables that were read from end to end. */
  readonly scanned: readonly string[];
}

/** Runs a statement, and says what PostgreSQL read for it. */
export async function explain(pool: pg.Pool, { text, values = [] }: Statement): Promise<Cost> {
  const { rows } = await pool.query<{ 'QUERY PLAN': { Plan: Plan }[] }>({
    text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
    values,
  });
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
  if (plan === undefined) throw new Error('EXPLAIN returned no plan');
  const scanned = nodes(plan).flatMap((node) =>
    node['Node Type'] === 'Seq Scan' ? (node['Relation Name'] ?? []) : [],
  );
  return { blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], scanned };
}

function nodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
}
