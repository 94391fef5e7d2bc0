// The transcript editor without reloads: drafts are kept while one types, buttons act in place, keys do what
// buttons do. Without this module the page is the same form, and every button still works.
const PAUSE = 2500;
const SIGN = "||";

class DeskTranscript extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", () => this.later());
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => this.pressed(event));
    this.leaving = (event) => {
      if (this.dirty) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.leaving);
    this.fit();
  }

  disconnectedCallback() {
    window.removeEventListener("beforeunload", this.leaving);
    clearTimeout(this.timer);
  }

  get form() {
    return this.querySelector("form[data-transcript]");
  }

  fit() {
    if (CSS.supports("field-sizing", "content")) return;
    for (const area of this.querySelectorAll("textarea")) {
      area.style.blockSize = "auto";
      area.style.blockSize = `${area.scrollHeight + 4}px`;
    }
  }

  say(text) {
    const status = this.querySelector("[data-status]");
    if (status) status.textContent = text;
  }

  later() {
    this.dirty = true;
    this.changes = (this.changes ?? 0) + 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), PAUSE);
  }

  // Requests follow one another: a draft that arrives late would carry an old counter.
  queue(work) {
    this.last = (this.last ?? Promise.resolve()).then(work, work);
    return this.last;
  }

  keep() {
    return this.queue(async () => {
      const changes = this.changes;
      const sent = new FormData(this.form);
      sent.set("op", "store");
      try {
        const answer = await fetch(this.form.action, { method: "POST", body: sent, headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const facts = await answer.json();
        this.form.elements.counter.value = facts.counter;
        this.dirty = this.changes !== changes;
        this.say([this.dataset.saved.replace("%s", facts.at), ...facts.wrong].join(" "));
        const line = this.querySelector("[data-others-line]");
        line.hidden = facts.others.length === 0;
        if (facts.others.length) line.textContent = this.dataset.others.replace("%s", facts.others.join(", "));
      } catch {
        this.dirty = true;
        this.say(this.dataset.lost);
        this.timer = setTimeout(() => this.keep(), PAUSE * 4);
      }
    });
  }

  clicked(event) {
    const button = event.target.closest("button[name=op]");
    if (!button) return;
    const [operation, anchor] = button.value.split(":");
    if (operation === "discard" && !confirm(button.dataset.confirm)) {
      event.preventDefault();
      return;
    }
    if (!anchor) {
      clearTimeout(this.timer);
      this.dirty = false;
      return;
    }
    event.preventDefault();
    this.act(operation, anchor);
  }

  pressed(event) {
    const area = event.target.closest("textarea[data-anchor]");
    const save = event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (save) {
      event.preventDefault();
      event.stopPropagation();
      this.dirty = false;
      clearTimeout(this.timer);
      this.form.requestSubmit(this.form.querySelector("button[value=save]"));
    } else if (area && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.act(event.shiftKey ? "merge" : "split", area.dataset.anchor);
    } else if (area && event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      this.act(event.key === "ArrowUp" ? "up" : "down", area.dataset.anchor);
    }
  }

  act(operation, anchor) {
    clearTimeout(this.timer);
    const area = this.querySelector(`textarea[data-anchor="${CSS.escape(anchor)}"]`);
    if (operation === "split" && area && !area.value.includes(SIGN)) {
      area.setRangeText(` ${SIGN} `, area.selectionStart, area.selectionStart, "end");
    }
    this.queue(async () => {
      const sent = new FormData(this.form);
      sent.set("op", `${operation}:${anchor}`);
      try {
        const answer = await fetch(this.form.action, { method: "POST", body: sent });
        if (!answer.ok) throw new Error(String(answer.status));
        this.replace(new DOMParser().parseFromString(await answer.text(), "text/html"), answer.url, anchor);
      } catch {
        this.say(this.dataset.lost);
      }
    });
  }

  replace(page, address, anchor) {
    const fresh = page.querySelector("desk-transcript");
    if (!fresh) {
      window.location.assign(address);
      return;
    }
    this.replaceChildren(...fresh.childNodes);
    this.dirty = false;
    this.fit();
    const said = [...page.querySelectorAll(".messages li")].map((line) => line.textContent.trim().replace(/\s+/g, " "));
    if (said.length) this.say(said.join(" "));
    const target = new URL(address).hash.replace("#cue-", "") || anchor;
    (
      this.querySelector(`textarea[data-anchor="${CSS.escape(target)}"]`) ??
      this.querySelector(`textarea[data-anchor="${CSS.escape(anchor)}"]`)
    )?.focus();
  }
}

customElements.define("desk-transcript", DeskTranscript);
