/**
 * <cc-update-offer>: says that a newer version is at hand and switches to it when asked; nothing at all otherwise.
 * Property: `updates` (worker/updates.js, or null). Event: "cc-reload" when the reader wants it.
 */

import { html, nothing } from "../../vendor/lit.js";
import { FollowingElement } from "./element.js";
import { words } from "./words.js";

class UpdateOffer extends FollowingElement {
  static properties = { updates: { attribute: false }, isSwitching: { state: true } };

  constructor() {
    super();
    this.isSwitching = false;
  }

  get followed() {
    return this.updates;
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
}

customElements.define("cc-update-offer", UpdateOffer);
