/** Rows of cells; the first row says what the columns are. */
export type Table = readonly (readonly string[])[];

/** Padded lines: the first column to the left, the others, which are figures, to the right. */
export function textTable(rows: Table): string {
  const widths = widthsOf(rows);
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => pad(cell, column, widths))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The same as Markdown. */
export function markdownTable(rows: Table): string {
  const widths = widthsOf(rows);
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [head = [], ...body] = rows.map((cells) => cells.map((cell, column) => pad(cell, column, widths)));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function pad(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** At least 3, which is what a rule of Markdown needs. */
function widthsOf(rows: Table): number[] {
  const columns = Math.max(0, ...rows.map((cells) => cells.length));
  return Array.from({ length: columns }, (_, column) =>
    Math.max(3, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
}
