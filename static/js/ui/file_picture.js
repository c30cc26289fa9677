/**
 * <cc-picture>: the picture that a file is, in a frame that is there before it, so nothing jumps; pressed, it is shown
 * whole. A small one is fetched when it comes into sight, a larger one when the reader asks for it.
 * Attribute: `sending`, while the server does not have it. Properties: `files` (the app's), `roomId`, `file`.
 * Event: "cc-no-picture" when it is something else than its sender said.
 */

import { html, nothing } from "../../vendor/lit.js";
import { FollowingElement } from "./element.js";
import { shownName, sizeWords } from "./file_names.js";
import { icon } from "./icons.js";
import { HEAD_BYTES, pictureOf, SMALL_PICTURE_BYTES } from "./pictures.js";
import { words } from "./words.js";

class Picture extends FollowingElement {
  static properties = {
    files: { attribute: false },
    roomId: { attribute: false },
    file: { attribute: false },
    sending: { type: Boolean },
    picture: { state: true },
    isLarge: { state: true },
  };
  #sight = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.#inSight());

  constructor() {
    super();
    this.picture = null;
    this.isLarge = false;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.#sight.observe(this);
  }

  disconnectedCallback() {
    this.#sight.disconnect();
    this.#let(null);
    super.disconnectedCallback();
  }

  get followed() {
    return this.files;
  }

  followedChanged({ detail }) {
    if (detail.id !== this.file.id) return;
    this.requestUpdate();
    this.#lookHere();
  }

  render() {
    const { picture, file } = this;
    if (!picture) return html`<div class="frame">${this.#canBeAsked ? this.#ask() : icon("picture")}</div>`;
    const { url, width, height } = picture;
    const name = shownName(file.name);
    return html`<button class="frame" type="button" aria-label=${words.files.enlarge(name)} @click=${this.#enlarge}>
        <img src=${url} width=${width} height=${height} alt=${words.files.picture(name)} @error=${this.#noPicture} />
      </button>
      <dialog class="viewer" aria-label=${name} @close=${() => (this.isLarge = false)} @click=${this.#shut}>
        ${this.isLarge
          ? html`<img src=${url} width=${width} height=${height} alt=${words.files.picture(name)} />
            <button class="tool" type="button" aria-label=${words.close}>${icon("close")}</button>`
          : nothing}
      </dialog>`;
  }

  #ask() {
    return html`<button class="button" type="button" @click=${() => this.#fetch()}>
      ${icon("picture")} ${words.files.show} <span class="soft figures">${sizeWords(this.file.size)}</span>
    </button>`;
  }

  // Actions

  async #enlarge() {
    this.isLarge = true;
    await this.updateComplete;
    this.querySelector("dialog").showModal();
  }

  #shut() {
    this.querySelector("dialog").close();
  }

  #fetch(how = {}) {
    return this.files.fetch(this.roomId, this.file.id, how).then((blob) => blob && this.#show(blob));
  }

  // Internal

  get #canBeAsked() {
    return !this.sending && this.files?.of(this.file.id)?.state !== "fetching" && this.file.size > SMALL_PICTURE_BYTES;
  }

  #inSight() {
    if (this.picture || !this.files) return;
    this.#lookHere();
    const isAsked = this.files.of(this.file.id) !== null;
    if (!this.sending && !isAsked && this.file.size <= SMALL_PICTURE_BYTES) this.#fetch({ byItself: true });
  }

  #lookHere() {
    const blob = this.picture ? null : this.files?.here(this.file.id);
    if (blob) this.#show(blob);
  }

  async #show(blob) {
    const found = pictureOf(new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer()));
    if (!this.isConnected || this.picture) return;
    if (found) this.#let({ ...found, url: URL.createObjectURL(blob.slice(0, blob.size, found.type)) });
    else this.#noPicture();
  }

  #noPicture() {
    this.#let(null);
    this.dispatchEvent(new CustomEvent("cc-no-picture", { bubbles: true }));
  }

  /** What it showed before is let go. */
  #let(picture) {
    if (this.picture) URL.revokeObjectURL(this.picture.url);
    this.picture = picture;
  }
}

customElements.define("cc-picture", Picture);
