/** What all processes of an attempt took; `null`: not measured. */
export interface Usage {
  readonly cpuMs: number | null;
  readonly peakMemoryBytes: number | null;
}
