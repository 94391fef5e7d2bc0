/**
 * `<cairn-player data-words data-duration data-waveform data-language><audio controls preload="none" …></cairn-player>`
 *
 * Without JavaScript the browser's own controls stand. With it a recording gets one quiet bar: play, a line that is
 * also its waveform, the time, ten seconds back, speed, captions. Films keep the browser's controls (full screen,
 * picture in picture) and get speed and captions beside them. Captions are the rows of the page, so they cost nothing.
 * Nothing plays unasked. Other elements hear `cairn:moment` (detail: seconds) on the document.
 */
import { drawing, element, icon, wordsOf } from "../dom.ts";
import { clock } from "../time.ts";
import { spanAt } from "../timeline.ts";
import { barsPath, peaksOf, resample } from "../waveform.ts";
import { linesOf, type Line } from "./lines.ts";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const STEP_S = 10;
const BARS = 150;

export class Player extends HTMLElement {
  #media: HTMLMediaElement | null = null;
  #words: Record<string, string> = {};
  #bars: number[] = [];
  #heard: SVGElement | null = null;
  #lines: Line[] = [];
  #caption: HTMLElement | null = null;
  #slider: HTMLInputElement | null = null;
  #time: HTMLElement | null = null;
  #play: HTMLButtonElement | null = null;
  #speed: HTMLSelectElement | null = null;
  #captions: HTMLButtonElement | null = null;

  connectedCallback(): void {
    this.#media = this.querySelector("audio, video");
    if (!this.#media || this.#time) return;
    this.#words = wordsOf(this);
    this.#lines = linesOf(document);
    this.#build(this.#media);
    void this.#drawWave();
  }

  get playing(): boolean {
    return this.#media !== null && !this.#media.paused;
  }

  /** Moves to a moment; starts only when the reader asked for sound. */
  seek(seconds: number, start = false): void {
    if (!this.#media) return;
    this.#media.currentTime = Math.max(0, seconds);
    if (start) void this.#start();
    this.#show();
  }

  get #duration(): number {
    const known = this.#media?.duration ?? 0;
    return Number.isFinite(known) && known > 0 ? known : Number(this.dataset["duration"] ?? 0) / 1000;
  }

  #build(media: HTMLMediaElement): void {
    const words = this.#words;
    const isFilm = media instanceof HTMLVideoElement;
    this.#time = element("span", { class: "player-time" });
    const back = element("button", { type: "button", "aria-label": words["back"] ?? "" }, icon("back"));
    back.addEventListener("click", () => this.seek(media.currentTime - STEP_S));
    this.#speed = element("select", { "aria-label": words["speed"] ?? "" });
    for (const speed of SPEEDS) this.#speed.append(element("option", { value: String(speed) }, `${speed}×`));
    this.#speed.value = "1";
    this.#speed.addEventListener("change", () => (media.playbackRate = Number(this.#speed?.value ?? 1)));
    const side = element("div", { class: "player-side" }, this.#time, back, this.#speed);
    if (this.#lines.length) {
      this.#captions = element(
        "button",
        { type: "button", "aria-pressed": "false", "aria-label": words["captions"] ?? "" },
        icon("captions"),
      );
      this.#captions.addEventListener("click", () => this.#toggleCaptions());
      side.append(this.#captions);
    }
    const bar = element("div", { class: "player-bar" });
    if (!isFilm) {
      media.removeAttribute("controls");
      this.#play = element("button", { type: "button", class: "player-play", "aria-label": words["play"] ?? "" }, icon("play"));
      this.#play.addEventListener("click", () => (media.paused ? void this.#start() : media.pause()));
      this.#slider = element("input", {
        type: "range", min: "0", max: String(Math.max(1, Math.ceil(this.#duration))), step: "1", value: "0",
        "aria-label": words["position"] ?? "",
      });
      this.#slider.addEventListener("input", () => this.seek(Number(this.#slider?.value ?? 0)));
      bar.append(this.#play, element("div", { class: "player-line" }, this.#slider));
    }
    bar.append(side);
    this.#caption = element("p", { class: "player-caption", hidden: "" });
    this.append(bar, this.#caption);
    for (const name of ["timeupdate", "play", "pause", "loadedmetadata", "ratechange", "seeked"]) {
      media.addEventListener(name, () => this.#show());
    }
    media.addEventListener("error", () => this.#fail());
    const keys = (event: KeyboardEvent): void => this.#onKey(event);
    this.addEventListener("keydown", keys);
    document.querySelector("cairn-transcript")?.addEventListener("keydown", (event) => keys(event as KeyboardEvent));
    this.#show();
  }

  async #start(): Promise<void> {
    try {
      await this.#media?.play();
    } catch (reason) {
      // A second click while it loads aborts the first; that is no failure.
      if (!(reason instanceof DOMException && reason.name === "AbortError")) this.#fail();
    }
  }

  #fail(): void {
    if (this.querySelector(".player-failed")) return;
    this.append(element("p", { class: "player-failed", role: "alert" }, this.#words["failed"] ?? ""));
  }

  #onKey(event: KeyboardEvent): void {
    const media = this.#media;
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=range]), textarea, select");
    if (!media || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    const actions: Record<string, () => void> = {
      k: () => (media.paused ? void this.#start() : media.pause()),
      j: () => this.seek(media.currentTime - STEP_S),
      l: () => this.seek(media.currentTime + STEP_S),
      "<": () => this.#changeSpeed(-1),
      ">": () => this.#changeSpeed(1),
      c: () => this.#toggleCaptions(),
    };
    const act = actions[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #changeSpeed(step: number): void {
    if (!this.#media || !this.#speed) return;
    const at = SPEEDS.indexOf(this.#media.playbackRate);
    const next = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? 2 : at) + step))]!;
    this.#media.playbackRate = next;
    this.#speed.value = String(next);
  }

  #toggleCaptions(): void {
    if (!this.#captions || !this.#media) return;
    const on = this.#captions.getAttribute("aria-pressed") !== "true";
    this.#captions.setAttribute("aria-pressed", String(on));
    if (this.#media instanceof HTMLVideoElement) this.#filmTrack(this.#media).mode = on ? "showing" : "disabled";
    else if (this.#caption) this.#caption.hidden = !on;
    this.#show();
  }

  /** The captions of a film as a text track made from the page's rows, or the one that the page brought. */
  #filmTrack(film: HTMLVideoElement): TextTrack {
    const language = this.#lines[0]?.language;
    const existing = [...film.textTracks].find((track) => track.language === language) ?? film.textTracks[0];
    if (existing) return existing;
    const track = film.addTextTrack("captions", this.#words["captions"], language);
    for (const line of this.#lines) {
      if (Number.isFinite(line.end)) track.addCue(new VTTCue(line.start, line.end, line.text));
    }
    return track;
  }

  #show(): void {
    const media = this.#media;
    if (!media || !this.#time) return;
    const now = media.currentTime;
    const all = this.#duration;
    this.#time.textContent = `${clock(now)} / ${clock(all)}`;
    if (this.#slider) {
      this.#slider.max = String(Math.max(1, Math.ceil(all)));
      this.#slider.value = String(now);
      const said = (this.#words["heard"] ?? "{now} / {all}").replace("{now}", clock(now)).replace("{all}", clock(all));
      this.#slider.setAttribute("aria-valuetext", said);
    }
    this.#heard?.setAttribute("d", barsPath(this.#bars, 0, all ? Math.round((now / all) * this.#bars.length) : 0));
    if (this.#play) {
      this.#play.setAttribute("aria-label", (media.paused ? this.#words["play"] : this.#words["pause"]) ?? "");
      this.#play.replaceChildren(icon(media.paused ? "play" : "pause"));
    }
    if (this.#caption && !this.#caption.hidden) {
      const line = this.#lines[spanAt(this.#lines, now)];
      this.#caption.textContent = line?.text ?? "\u00a0";
      this.#caption.lang = line?.language ?? "";
      this.#caption.dir = line?.direction ?? "auto";
    }
    document.dispatchEvent(new CustomEvent("cairn:moment", { detail: now }));
  }

  async #drawWave(): Promise<void> {
    const address = this.dataset["waveform"];
    const line = this.querySelector(".player-line");
    if (!address || !line) return;
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      if (!answer.ok) return;
      this.#bars = resample(peaksOf(await answer.json()), BARS);
    } catch {
      // Without its waveform the line is a plain slider; nothing else is lost.
      return;
    }
    if (!this.#bars.length) return;
    this.#heard = drawing("path", { class: "heard", fill: "currentColor", d: "" });
    const whole = drawing("path", { fill: "currentColor", d: barsPath(this.#bars, 0, this.#bars.length) });
    const box = { class: "player-wave", viewBox: `0 0 ${BARS * 4} 44`, preserveAspectRatio: "none", "aria-hidden": "true" };
    line.prepend(drawing("svg", box, whole, this.#heard));
    this.classList.add("has-wave");
    this.#show();
  }
}
