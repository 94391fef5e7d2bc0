/** Which line of a transcript is being said: a search over start times, fast enough for every time update. */

export interface Span {
  /** Seconds. */
  start: number;
  /** Seconds; Infinity when the source gives none. */
  end: number;
}

/**
 * Index of the span that holds `moment`, or -1. `spans` are in order of their starts. In a pause the line before
 * stays the present one for `patience` seconds, so that the bar does not flicker between two sentences.
 */
export function spanAt(spans: readonly Span[], moment: number, patience = 2): number {
  let low = 0;
  let high = spans.length - 1;
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.start <= moment) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found >= 0 && moment < spans[found]!.end + patience ? found : -1;
}
