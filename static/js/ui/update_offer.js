/**
 * <cc-update-offer>: says that a newer version is at hand and switches to it when asked; nothing at all otherwise.
 * Property: `updates` (worker/updates.js, or null). Event: "cc-reload" when the reader wants it.
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { words } from "./words.js";

class UpdateOffer extends PageElement {
  static properties = { updates: { attribute: false }, isSwitching: { state: true } };
  #heard = null;

  constructor() {
    super();
    this.isSwitching = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#listen(this.updates);
  }

  disconnectedCallback() {
    this.#listen(null);
    super.disconnectedCallback();
  }

  willUpdate(changed) {
    if (changed.has("updates") && this.isConnected) this.#listen(this.updates);
  }

  // The region stands there before it has words, or screen readers would not say them.
  render() {
    return html`<div role="status">${this.updates?.isWaiting ? this.#offer() : nothing}</div>`;
  }

  #offer() {
    return html`<p class="update-offer">
      <span>${words.update.ready}</span>
      <button class="button plain" ?disabled=${this.isSwitching} @click=${() => this.#use()}>${words.update.use}</button>
    </p>`;
  }

  #use() {
    this.isSwitching = true;
    this.dispatchEvent(new CustomEvent("cc-reload", { bubbles: true }));
  }

  #listen(updates) {
    if (this.#heard === updates) return;
    this.#heard?.removeEventListener("change", this.#onChange);
    this.#heard = updates ?? null;
    this.#heard?.addEventListener("change", this.#onChange);
  }

  #onChange = () => this.requestUpdate();
}

customElements.define("cc-update-offer", UpdateOffer);
