/** Moments in a recording, as addresses and clocks write them. Seconds everywhere, as the media elements do. */

/** `372.4` → `06:12`, `3972` → `1:06:12`. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : 0;
  const two = (part: number): string => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** The moment in an address's fragment: `#t=372`, `#t=372.5`, `#t=6:12`, `#t=1:06:12`; null when there is none. */
export function momentOf(fragment: string): number | null {
  const found = /^#?t=(?:(\d{1,3}):)?(?:(\d{1,3}):)?(\d{1,6}(?:\.\d{1,3})?)$/.exec(fragment);
  if (!found) return null;
  const [, first, second, seconds] = found;
  // With one colon the first group holds the minutes.
  const minutes = second ?? first ?? "0";
  const hours = second === undefined ? "0" : (first ?? "0");
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Whole seconds are enough for an address that people read aloud. */
export function fragmentOf(seconds: number): string {
  return `t=${Math.max(0, Math.floor(seconds))}`;
}
