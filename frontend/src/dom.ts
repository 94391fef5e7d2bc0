/** Small hands for building elements without markup strings, which a strict policy and safety both forbid. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (null leaves one out) and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | null> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** An element of SVG with attributes and children. */
export function drawing(tag: string, attributes: Record<string, string>, ...children: Node[]): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A symbol of the sprite; its (hashed) address is read off an icon that the server put into the page. */
export function icon(name: string): SVGElement {
  const sprite = document.querySelector("use")?.getAttribute("href")?.split("#")[0] ?? "";
  return drawing("svg", { "aria-hidden": "true" }, drawing("use", { href: `${sprite}#${name}` }));
}

/** The labels that the page hands to an element in `data-words`. */
export function wordsOf(host: HTMLElement): Record<string, string> {
  try {
    return JSON.parse(host.dataset["words"] ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

/** Copies text; false where the browser refuses. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

let announcer: HTMLElement | null = null;

/** Says something to readers who listen to the page. The region must stand before its words do. */
export function announce(text: string): void {
  if (!announcer) {
    announcer = element("div", { role: "status", class: "visually-hidden" });
    document.body.append(announcer);
  }
  announcer.textContent = "";
  window.setTimeout(() => announcer?.append(text), 60);
}

/** Copies and lets a button say so for two seconds; what cannot be copied is shown to be copied by hand. */
export async function copyFrom(button: HTMLButtonElement, text: string, done: string): Promise<void> {
  const before = button.textContent;
  if (!(await copy(text))) {
    button.after(element("output", { class: "quiet", dir: "auto" }, text));
    return;
  }
  button.textContent = done;
  announce(done);
  window.setTimeout(() => (button.textContent = before), 2000);
}
