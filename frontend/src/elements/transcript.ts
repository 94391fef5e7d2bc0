/**
 * `<cairn-transcript data-words data-url data-citation>` around the rows of a text.
 *
 * One bar stands at the present line, with what can be done there: listen, cite this moment, copy a link. The present
 * line is the one being said, the one an address points to, or the one the reader touched. The page follows the voice
 * only while the present line is in view, so reading elsewhere is never disturbed.
 */
import { copyFrom, element, wordsOf } from "../dom.ts";
import { clock, fragmentOf, momentOf } from "../time.ts";
import { spanAt, type Span } from "../timeline.ts";
import type { Player } from "./player.ts";

interface Row extends Span {
  row: HTMLElement;
}

export class Transcript extends HTMLElement {
  #timed: Row[] = [];
  #present: HTMLElement | null = null;
  #tools: HTMLElement | null = null;
  #words: Record<string, string> = {};

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#timed = [...this.querySelectorAll<HTMLElement>(".row[data-start]")].map((row) => ({
      row,
      start: Number(row.dataset["start"]),
      end: row.dataset["end"] ? Number(row.dataset["end"]) : Infinity,
    }));
    this.addEventListener("click", (event) => this.#onTouch(event));
    this.addEventListener("focusin", (event) => this.#onTouch(event));
    document.addEventListener("cairn:moment", this.#onMoment);
    window.addEventListener("hashchange", this.#onAddress);
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-with]")) {
      link.addEventListener("click", () => this.#keepPlace(link));
    }
    for (const link of document.querySelectorAll<HTMLAnchorElement>(".contents a[data-start]")) {
      link.addEventListener("click", () => this.#player?.seek(Number(link.dataset["start"]) / 1000));
    }
    // The player may be defined a moment later; the address is read when both stand.
    void customElements.whenDefined("cairn-player").then(this.#onAddress);
    this.#onAddress();
  }

  disconnectedCallback(): void {
    document.removeEventListener("cairn:moment", this.#onMoment);
    window.removeEventListener("hashchange", this.#onAddress);
  }

  get #player(): Player | null {
    return document.querySelector<Player>("cairn-player:defined");
  }

  #onMoment = (event: Event): void => {
    const moment = (event as CustomEvent<number>).detail;
    if (moment <= 0 && !this.#player?.playing) return;
    const found = this.#timed[spanAt(this.#timed, moment)];
    if (!found || found.row === this.#present) return;
    const follows = this.#player?.playing === true && (this.#present === null || inView(this.#present));
    this.#settle(found.row);
    if (follows && !inView(found.row)) found.row.scrollIntoView({ block: "center", behavior: "instant" });
  };

  #onAddress = (): void => {
    const fragment = decodeURIComponentSafely(window.location.hash);
    const moment = momentOf(fragment);
    if (moment !== null) {
      const found = this.#timed[spanAt(this.#timed, moment, Infinity)];
      this.#player?.seek(moment);
      if (!found) return;
      this.#settle(found.row);
      found.row.scrollIntoView({ block: "center", behavior: "instant" });
      return;
    }
    const row = fragment.length > 1 ? document.getElementById(fragment.slice(1))?.closest<HTMLElement>(".row") : null;
    if (!row || !this.contains(row)) return;
    this.#settle(row);
    if (row.dataset["start"]) this.#player?.seek(Number(row.dataset["start"]));
  };

  #onTouch(event: Event): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".row");
    if (row && !this.#player?.playing) this.#settle(row);
  }

  #settle(row: HTMLElement): void {
    if (row === this.#present) return;
    this.#present?.classList.remove("now");
    this.#present = row;
    row.classList.add("now");
    row.append(this.#toolsFor(row));
    this.#markContents(row);
  }

  /** The one set of actions, moved to the row in question. */
  #toolsFor(row: HTMLElement): HTMLElement {
    const words = this.#words;
    const start = row.dataset["start"] === undefined ? null : Number(row.dataset["start"]);
    const tools = element("div", { class: "row-tools", role: "group", "aria-label": words["tools"] ?? "" });
    if (start !== null && this.#player) {
      const listen = element("button", { type: "button" }, words["listen"] ?? "");
      listen.addEventListener("click", () => this.#player?.seek(start, true));
      tools.append(listen);
    }
    const address = this.addressOf(row);
    const cite = element("button", { type: "button" }, words["cite"] ?? "");
    cite.addEventListener("click", () => void copyFrom(cite, this.citationOf(row), words["copied"] ?? ""));
    const link = element("button", { type: "button" }, words["link"] ?? "");
    link.addEventListener("click", () => void copyFrom(link, address, words["copied"] ?? ""));
    tools.append(cite, link);
    this.#tools?.remove();
    this.#tools = tools;
    return tools;
  }

  /** Permanent address of a row: its moment when it is timed, else its first passage. */
  addressOf(row: HTMLElement): string {
    const base = this.dataset["url"] || window.location.href.split("#")[0];
    const start = row.dataset["start"];
    const anchor = row.querySelector<HTMLElement>("[id]:not([id^=noteref-])")?.id ?? "";
    return `${base}#${start === undefined ? anchor : fragmentOf(Number(start))}`;
  }

  /** The citation of a row, from the pattern that the page brings. */
  citationOf(row: HTMLElement): string {
    const address = this.addressOf(row);
    const start = row.dataset["start"];
    const moment = start === undefined ? address.slice(address.indexOf("#") + 1) : clock(Number(start));
    const pattern = this.dataset["citation"] || "{url}";
    return pattern.replace("{moment}", moment).replace("{url}", address);
  }

  /** Marks the entry of the table of contents under which the row stands. */
  #markContents(row: HTMLElement): void {
    let current: Element | null = null;
    for (const link of document.querySelectorAll<HTMLAnchorElement>(".contents details > ol a[href^='#']")) {
      link.removeAttribute("aria-current");
      const target = document.getElementById(link.hash.slice(1));
      const before = target && row.compareDocumentPosition(target);
      if (target && this.contains(target) && (row.contains(target) || (before ?? 0) & Node.DOCUMENT_POSITION_PRECEDING)) {
        current = link;
      }
    }
    current?.setAttribute("aria-current", "true");
  }

  /** Another translation opens at the passage that is being read, not at the top. */
  #keepPlace(link: HTMLAnchorElement): void {
    const rows = [...this.querySelectorAll<HTMLElement>(".row")];
    const first = this.#present && inView(this.#present) ? this.#present : rows.find((row) => inView(row));
    const anchor = first?.querySelector<HTMLElement>(".original [id]")?.id;
    if (anchor && this.getBoundingClientRect().top < 0) link.hash = anchor;
  }
}

function inView(row: HTMLElement): boolean {
  const box = row.getBoundingClientRect();
  return box.bottom > 80 && box.top < window.innerHeight;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
