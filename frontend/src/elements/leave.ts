/**
 * `<cairn-leave><a href="neutral page">Leave now</a></cairn-leave>`
 *
 * The link works by itself. With this, the page is emptied at once, before the other site answers, and is replaced in
 * the history of the window, so that "back" does not return to it. Escape pressed three times does the same.
 */
const PRESSES = 3;
const WITHIN_MS = 1500;

/** Whether the last `PRESSES` presses (times in milliseconds) lie close enough together. */
export function isHurry(presses: readonly number[]): boolean {
  const last = presses.slice(-PRESSES);
  return last.length === PRESSES && last[PRESSES - 1]! - last[0]! <= WITHIN_MS;
}

export class Leave extends HTMLElement {
  #presses: number[] = [];

  connectedCallback(): void {
    this.querySelector("a")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.leave();
    });
    document.addEventListener("keydown", this.#counted);
  }

  disconnectedCallback(): void {
    document.removeEventListener("keydown", this.#counted);
  }

  leave(): void {
    const target = this.querySelector("a")?.href;
    if (!target) return;
    for (const media of document.querySelectorAll<HTMLMediaElement>("audio, video")) media.pause();
    document.title = "\u00a0";
    document.body.replaceChildren();
    window.location.replace(target);
  }

  #counted = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") {
      this.#presses = [];
      return;
    }
    this.#presses.push(event.timeStamp);
    if (isHurry(this.#presses)) this.leave();
  };
}
