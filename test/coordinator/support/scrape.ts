/** What `/metrics` of a coordinator shows: each sample by its name and labels. */
export async function scrape(port: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = [...text.matchAll(/^(hydra_\w+(?:\{.*\})?) ([\d.e+-]+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name!, Number(value)]));
}

/** Times that a bound was hit. */
export async function hits(port: number, bound: string): Promise<number> {
  return (await scrape(port))[`hydra_bound_hits_total{bound="${bound}"}`] ?? NaN;
}
