/** Waveforms from the peaks that a derivative job wrote; tolerant of the forms in use. */

/**
 * Peaks between 0 and 1 from `[…]`, `{"peaks": […]}` or audiowaveform's `{"data": [min, max, …]}`; empty when the
 * JSON is none of these. Everything is scaled to the loudest peak, so quiet voices are seen as well.
 */
export function peaksOf(source: unknown): number[] {
  const record = source as { peaks?: unknown; data?: unknown } | null;
  const raw = Array.isArray(source) ? source : (record?.peaks ?? record?.data);
  if (!Array.isArray(raw)) return [];
  const values = raw.map(Number);
  if (values.some((value) => !Number.isFinite(value))) return [];
  const paired = values.some((value) => value < 0);
  const heights: number[] = [];
  for (let at = 0; at < values.length; at += paired ? 2 : 1) {
    heights.push(paired ? Math.max(Math.abs(values[at]!), Math.abs(values[at + 1] ?? 0)) : values[at]!);
  }
  const loudest = heights.reduce((most, value) => Math.max(most, value), 0);
  return loudest > 0 ? heights.map((value) => value / loudest) : heights;
}

/** As many bars as asked for, each the loudest of its share. */
export function resample(peaks: readonly number[], bars: number): number[] {
  if (!peaks.length || bars < 1) return [];
  return Array.from({ length: bars }, (_, bar) => {
    const from = Math.floor((bar * peaks.length) / bars);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
    return peaks.slice(from, to).reduce((most, value) => Math.max(most, value), 0);
  });
}

/** The path of bars `from` to `to` (not included) of a drawing 4 units a bar wide and 44 high. */
export function barsPath(bars: readonly number[], from: number, to: number): string {
  let path = "";
  for (let at = Math.max(0, from); at < Math.min(bars.length, to); at += 1) {
    const height = Math.round(20 + bars[at]! * 380) / 10;
    path += `M${at * 4} ${Math.round((22 - height / 2) * 10) / 10}h2.2v${height}h-2.2z`;
  }
  return path;
}
