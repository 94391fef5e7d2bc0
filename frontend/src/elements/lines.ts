/** The timed rows of the page as lines to show while they are said. */
import type { Span } from "../timeline.ts";

export interface Line extends Span {
  text: string;
  language: string;
  direction: string;
}

/** Timed rows in order; the translation beside the original is what a listener needs, else the original. */
export function linesOf(root: ParentNode): Line[] {
  return [...root.querySelectorAll<HTMLElement>(".row[data-start]")].map((row) => {
    const cell = row.querySelector(".companion p") ? ".companion" : ".original";
    const passages = [...row.querySelectorAll<HTMLElement>(`${cell} > *`)];
    return {
      start: Number(row.dataset["start"]),
      end: row.dataset["end"] ? Number(row.dataset["end"]) : Infinity,
      text: passages.map((passage) => passage.textContent?.trim() ?? "").join(" "),
      language: passages[0]?.lang ?? "",
      direction: passages[0]?.dir ?? "auto",
    };
  });
}
