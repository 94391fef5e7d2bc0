/** `<cairn-copy data-label="Copy" data-done="Copied">text</cairn-copy>`: a button that copies the text it holds. */
import { copyFrom, element } from "../dom.ts";

export class Copy extends HTMLElement {
  connectedCallback(): void {
    if (this.querySelector(".copy-button")) return;
    const text = (this.textContent ?? "").trim();
    const button = element("button", { type: "button", class: "copy-button" }, this.dataset["label"] ?? "Copy");
    button.addEventListener("click", () => void copyFrom(button, text, this.dataset["done"] ?? "✓"));
    this.append(button);
  }
}
