/** What our elements have in common: they draw into the page itself and follow the app. */

import { LitElement } from "../../vendor/lit.js";

/** An element without a shadow, so the style sheets, labels and readers of the page see all of it. */
export class PageElement extends LitElement {
  createRenderRoot() {
    return this;
  }
}

/**
 * An element that is drawn again when the app says that something it shows has changed.
 * Attributes: none. Property: `app`. A subclass names in `static follows` what it shows (the `what` of "change").
 */
export class AppElement extends PageElement {
  static properties = { app: { attribute: false } };
  /** @type {string[]} */
  static follows = [];
  #followed = null;

  connectedCallback() {
    super.connectedCallback();
    this.#follow(this.app);
  }

  disconnectedCallback() {
    this.#follow(null);
    super.disconnectedCallback();
  }

  willUpdate(changed) {
    if (changed.has("app") && this.isConnected) this.#follow(this.app);
  }

  /** Called for each change that this element follows. @param {{what: string, roomId?: string}} _change */
  appChanged(_change) {
    this.requestUpdate();
  }

  #follow(app) {
    if (this.#followed === app) return;
    this.#followed?.removeEventListener("change", this.#onChange);
    this.#followed = app ?? null;
    this.#followed?.addEventListener("change", this.#onChange);
  }

  #onChange = (event) => {
    if (this.constructor.follows.includes(event.detail.what)) this.appChanged(event.detail);
  };
}
