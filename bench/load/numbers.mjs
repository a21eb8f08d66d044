// Figures and how they are printed.

export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const quantile = (values, q) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? NaN;
export const median = (values) => quantile(values, 0.5);

/** The median of each figure over several runs, with its range when there are several. */
export function medians(runs) {
  const names = Object.keys(runs[0]);
  return Object.fromEntries(
    names.map((name) => {
      const values = runs.map((run) => run[name]).filter((value) => value !== null);
      if (values.length === 0) return [name, null];
      return [
        name,
        { median: median(values), least: Math.min(...values), most: Math.max(...values), runs: values.length },
      ];
    }),
  );
}

function rounded(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 || size === 0 ? 1 : 2);
}

/** `12.3`, or `12.3 (11.9–13.0)` of several runs. */
export function shown(figure) {
  if (figure === null || figure === undefined) return '–';
  if (typeof figure !== 'object') return typeof figure === 'number' ? rounded(figure) : String(figure);
  if (figure.runs === 1) return rounded(figure.median);
  return `${rounded(figure.median)} (${rounded(figure.least)}–${rounded(figure.most)})`;
}

/** A table for people: `rows` are objects, `columns` pairs of a key and a heading. */
export function table(rows, columns) {
  const lines = [columns.map(([, heading]) => heading), ...rows.map((row) => columns.map(([key]) => shown(row[key])))];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((cell, column) => cell.padStart(widths[column])).join('  ')).join('\n');
}

/** Tells whoever waits what is being measured. */
export const progress = (what) => process.stderr.write(`· ${what}\n`);
