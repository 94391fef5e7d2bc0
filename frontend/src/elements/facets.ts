/**
 * `<cairn-facets data-more>` around groups of filter links: long groups show their first ten, and on narrow screens
 * groups without a chosen filter start closed. All links stay in the page for readers without JavaScript.
 */
import { element } from "../dom.ts";

const SHOWN = 10;

export class Facets extends HTMLElement {
  connectedCallback(): void {
    const narrow = window.matchMedia("(max-width: 52rem)").matches;
    for (const group of this.querySelectorAll("details")) {
      if (narrow && !group.querySelector("[aria-current]")) group.open = false;
      const rest = [...group.querySelectorAll("li")].slice(SHOWN).filter((item) => !item.querySelector("[aria-current]"));
      if (rest.length < 2) continue;
      for (const item of rest) item.hidden = true;
      const more = element("button", { type: "button", class: "facet-more" }, `${this.dataset["more"] ?? "+"} (${rest.length})`);
      more.addEventListener("click", () => {
        for (const item of rest) item.hidden = false;
        more.remove();
        rest[0]?.querySelector("a")?.focus();
      });
      group.append(more);
    }
  }
}
