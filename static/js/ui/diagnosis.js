/**
 * <cc-diagnosis>: "Why can't I connect?": the dialog that goes the way to the server, shows each step as it is done, and
 * ends in one sentence with one remedy. It needs no connection.
 * Property: `app`. Method: `open()`.
 */

import { html, nothing } from "../../vendor/lit.js";
import { diagnose } from "../chat/diagnosis.js";
import { DialogElement } from "./dialog.js";
import { icon } from "./icons.js";
import { words } from "./words.js";

const COPIED_MS = 2000;
/** A shape for each grade, besides its colour and its word. */
const SHAPES = { well: "check", noted: "alert", wrong: "close", unknown: "waiting" };

class Diagnosis extends DialogElement {
  static properties = { found: { state: true }, copied: { state: true } };
  /** Grows with each walk: what an earlier one tells is not for this one's screen. */
  #walk = 0;
  #isAway = true;

  constructor() {
    super();
    this.found = diagnose([]);
    this.copied = false;
  }

  reset() {
    this.#isAway = !["connected", "moving"].includes(this.app.connection.status);
    this.#look();
  }

  /** Who asked with a connection did not ask why there is none. */
  heading() {
    return this.#isAway ? words.diagnosis.title : words.diagnosis.check;
  }

  body() {
    return html`
      <div class="verdict" role="status" data-verdict=${this.busy ? "" : this.found.verdict.code}>
        ${this.busy ? html`<p>${words.diagnosis.looking}</p>` : this.#verdict()}
      </div>
      <p class="actions">
        <button class="button primary" type="button" aria-disabled=${this.busy} @click=${() => this.#look()}>
          ${words.diagnosis.again}
        </button>
        <button class="button plain" type="button" aria-disabled=${this.busy} @click=${() => this.#copy()}>
          ${icon(this.copied ? "check" : "copy")} ${this.copied ? words.diagnosis.copied : words.diagnosis.copy}
        </button>
      </p>
      <ol class="way" aria-label=${words.diagnosis.steps} aria-busy=${this.busy}>
        ${this.found.steps.map((step) => this.#step(step))}
      </ol>`;
  }

  #verdict() {
    const { sentence, remedy } = this.found.verdict;
    return html`<p class="reason">${sentence}</p>${remedy ? html`<p>${remedy}</p>` : nothing}`;
  }

  #step({ name, title, grade, lines }) {
    const waits = this.busy && lines.length === 0;
    return html`<li class="step ${waits ? "waits" : grade}" data-step=${name} data-grade=${grade}>
      ${icon(SHAPES[grade])}
      <div>
        <span class="step-title">${title}<span class="unseen">: ${words.diagnosis.grades[grade]}</span></span>
        ${lines.length > 0
          ? lines.map(({ sentence }) => html`<span class="small soft">${sentence}</span>`)
          : html`<span class="small soft">${waits ? nothing : words.diagnosis.notReached}</span>`}
      </div>
    </li>`;
  }

  /** A walk that is under way goes on; a disabled button would lose the focus of whoever pressed it. */
  #look() {
    if (this.busy) return undefined;
    this.#walk += 1;
    const walk = this.#walk;
    const tell = (found) => {
      if (walk === this.#walk) this.found = found;
    };
    tell(diagnose([]));
    return this.run(async () => {
      tell(await this.app.checkConnection(tell));
      // The way is free: no need to wait for the next try.
      if (this.#isAway && this.found.verdict.code === "well") await this.app.retryNow();
    });
  }

  /** Hosts and ports, and nothing that opens anything. */
  async #copy() {
    const { steps, verdict } = this.found;
    const told = steps.map(({ title, grade, lines }) => {
      return [`${title}: ${words.diagnosis.grades[grade]}`, ...lines.map((line) => line.sentence)];
    });
    try {
      await navigator.clipboard.writeText([`${verdict.sentence} ${verdict.remedy}`, ...told.flat()].join("\n"));
    } catch {
      // Not allowed here: it can be read out just as well.
      return;
    }
    this.copied = true;
    setTimeout(() => (this.copied = false), COPIED_MS);
  }
}

customElements.define("cc-diagnosis", Diagnosis);
