/** What every page gets: leaving in a hurry, copying, menus that close. Everything works without it. */
import { Copy } from "./elements/copy.ts";
import { Leave } from "./elements/leave.ts";

customElements.define("cairn-leave", Leave);
customElements.define("cairn-copy", Copy);

const menus = document.querySelectorAll<HTMLDetailsElement>(".language-switch, .masthead-menu");

document.addEventListener("click", (event) => {
  const inside = event.target as Element;
  for (const menu of menus) {
    const belongs = menu.contains(inside) || (menu.matches(".masthead-menu") && inside.closest(".masthead-nav"));
    if (menu.open && !belongs) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});
// The same passage in another language of the interface: the fragment never reaches the server, so it is carried here.
for (const link of document.querySelectorAll<HTMLAnchorElement>(".language-switch a")) {
  link.addEventListener("click", () => {
    if (window.location.hash) link.hash = window.location.hash;
  });
}
// On narrow screens a list comes before what narrows it.
if (window.matchMedia("(max-width: 52rem)").matches) {
  for (const group of document.querySelectorAll<HTMLDetailsElement>(".list-page .facet")) {
    if (!group.querySelector("[aria-current]")) group.open = false;
  }
}
// The table of contents stands open beside the words and closed above them.
const contents = document.querySelector<HTMLDetailsElement>(".contents details");
if (contents && window.matchMedia("(max-width: 60rem)").matches) contents.open = false;
