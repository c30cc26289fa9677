/**
 * <cc-start-over>: asks whether a device that was shut out is to start over with the invitation that came to it. It opens
 * by itself when there is that question, and closing it in any way is a no.
 * Property: `app`.
 */

import { html } from "../../vendor/lit.js";
import { DialogElement } from "./dialog.js";
import { words } from "./words.js";

class StartOver extends DialogElement {
  static follows = ["state", "connection"];

  constructor() {
    super();
    // What the remedy opens would lie behind this dialog.
    this.addEventListener("cc-paste", () => this.close());
  }

  heading() {
    return words.startOver.title;
  }

  reset() {}

  // The one that loses nothing has the focus; a screen reader reads the rest with it.
  body() {
    const { same, foreign, erased, remains, no, yes, trying } = words.startOver;
    return html`
      <div class="terms" id="start-over-terms">
        <p>${this.app.offer?.isForeign ? foreign : same}</p>
        <p><strong>${erased.title}</strong> ${erased.text}</p>
        <p><strong>${remains.title}</strong> ${remains.text}</p>
      </div>
      <div class="actions end">
        <button
          class="button" type="button" data-first aria-describedby="start-over-terms" @click=${() => this.close()}
        >${no}</button>
        <button class="button grave" type="button" aria-disabled=${this.busy} @click=${() => this.#startOver()}>
          ${this.busy ? trying : yes}
        </button>
      </div>`;
  }

  firstUpdated() {
    this.appChanged();
  }

  /** Where the answer is known, or was taken away, there is nothing left to ask. */
  appChanged() {
    const isAsked = this.app.offer !== null;
    if (isAsked && !this.isOpen) this.open();
    else if (!isAsked && this.isOpen) this.close();
    else super.appChanged();
  }

  updated(changed) {
    if (changed.get("isOpen") && !this.isOpen && this.app.offer) this.app.dropSpare();
  }

  /** A disabled button would lose the focus of whoever pressed it. */
  #startOver() {
    if (!this.busy) this.run(() => this.app.startOver());
  }
}

customElements.define("cc-start-over", StartOver);
