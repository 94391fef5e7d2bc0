/**
 * <job-news data-url="…/news/" data-active="true">: keeps the page of a running job fresh.
 *
 * Asks for the state and for the log lines after the last one shown; when the job has ended the page
 * is loaded once more, so that its buttons and its error are those of the server. Without this script
 * the page has a link that does the same by hand.
 */
class JobNews extends HTMLElement {
  connectedCallback() {
    if (this.dataset.active !== "true") return;
    this.querySelector("[data-reload]")?.setAttribute("hidden", "");
    this.pause = 1000;
    this.timer = setTimeout(() => this.ask(), this.pause);
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  get lastSequence() {
    return this.querySelector("[data-log]").lastElementChild?.value ?? 0;
  }

  async ask() {
    try {
      const answer = await fetch(`${this.dataset.url}?after=${this.lastSequence}`, {
        headers: { "X-Requested-With": "XMLHttpRequest" },
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      this.pause = 1000;
      if (!news.active) {
        location.reload();
        return;
      }
      this.show(news);
    } catch {
      // The server is away or the session has ended: ask less and less often.
      this.pause = Math.min(this.pause * 2, 30000);
      this.querySelector("[data-reload]")?.removeAttribute("hidden");
    }
    this.timer = setTimeout(() => this.ask(), this.pause);
  }

  show(news) {
    const state = this.querySelector("[data-state]");
    if (!news.cancelling && state.textContent.trim() !== news.label) state.textContent = news.label;
    this.querySelector("[data-stage]").textContent = news.stage || "–";
    const place = this.querySelector("[data-progress]");
    if (news.total) {
      let bar = place.querySelector("progress");
      if (!bar) {
        bar = document.createElement("progress");
        place.replaceChildren(bar, "");
      }
      bar.max = news.total;
      bar.value = news.done;
      place.lastChild.textContent = ` ${news.done} / ${news.total}`;
    } else {
      place.textContent = news.done || "–";
    }
    const log = this.querySelector("[data-log]");
    for (const line of news.log) log.append(this.row(line));
    this.querySelector("[data-empty]").hidden = log.childElementCount > 0;
  }

  row(line) {
    const row = document.createElement("li");
    row.className = "w-list-none";
    row.value = line.sequence;
    const at = document.createElement("time");
    at.dateTime = line.at;
    at.textContent = line.at.slice(11, 19);
    const text = document.createElement("bdi");
    text.textContent = line.text;
    row.append(at, " ");
    if (line.stage) {
      const stage = document.createElement("b");
      stage.textContent = line.stage;
      row.append(stage, " ");
    }
    row.append(text);
    return row;
  }
}

customElements.define("job-news", JobNews);
