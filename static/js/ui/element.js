/** What our elements have in common: they draw into the page itself and follow the app. */

import { LitElement } from "../../vendor/lit.js";

/** An element without a shadow, so the style sheets, labels and readers of the page see all of it. */
export class PageElement extends LitElement {
  createRenderRoot() {
    return this;
  }
}

/** An element that follows an EventTarget: it is drawn again at each of its "change" events while it is on the page. */
export class FollowingElement extends PageElement {
  #listenedTo = null;

  connectedCallback() {
    super.connectedCallback();
    this.#listenTo(this.followed);
  }

  disconnectedCallback() {
    this.#listenTo(null);
    super.disconnectedCallback();
  }

  willUpdate() {
    if (this.isConnected) this.#listenTo(this.followed);
  }

  /** What it follows, as its properties have it. @returns {EventTarget | null | undefined} */
  get followed() {
    return null;
  }

  /** Called for each change. @param {Event} _event */
  followedChanged(_event) {
    this.requestUpdate();
  }

  #listenTo(target) {
    if (this.#listenedTo === target) return;
    this.#listenedTo?.removeEventListener("change", this.#onChange);
    this.#listenedTo = target ?? null;
    this.#listenedTo?.addEventListener("change", this.#onChange);
  }

  #onChange = (event) => this.followedChanged(event);
}

/**
 * An element that is drawn again when the app says that something it shows has changed.
 * Attributes: none. Property: `app`. A subclass names in `static follows` what it shows (the `what` of "change").
 */
export class AppElement extends FollowingElement {
  static properties = { app: { attribute: false } };
  /** @type {string[]} */
  static follows = [];

  get followed() {
    return this.app;
  }

  followedChanged({ detail }) {
    if (this.constructor.follows.includes(detail.what)) this.appChanged(detail);
  }

  /** Called for each change that this element follows. @param {{what: string, roomId?: string}} _change */
  appChanged(_change) {
    this.requestUpdate();
  }
}
