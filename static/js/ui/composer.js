/**
 * <cc-composer>: the box to write in. Grows to eight lines; Enter sends where there is a keyboard (or as chosen).
 * Attribute: `disabled`. Properties: `app`, `roomId`, `drafts` (Map of room to unsent text, kept when rooms change).
 */

import { html, live, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { icon } from "./icons.js";
import { enterSends, preferences } from "./preferences.js";
import { words } from "./words.js";
import { problemBar } from "./problem.js";

const KEYBOARD = "(hover: hover) and (pointer: fine)";

class Composer extends AppElement {
  static properties = {
    roomId: { attribute: false },
    drafts: { attribute: false },
    disabled: { type: Boolean },
    text: { state: true },
    code: { state: true },
  };
  static follows = ["connection"];

  constructor() {
    super();
    this.disabled = false;
    this.text = "";
    this.code = null;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.text = this.drafts.get(this.roomId) ?? "";
  }

  disconnectedCallback() {
    this.drafts.set(this.roomId, this.text);
    super.disconnectedCallback();
  }

  render() {
    const away = ["offline", "connecting"].includes(this.app.connection.status);
    return html`
      ${problemBar(this)}
      ${away ? html`<p class="waiting-hint small" role="status">${words.composer.waitingHint}</p>` : nothing}
      <form @submit=${this.#send}>
        <textarea
          rows="1" aria-label=${words.composer.label} placeholder=${words.composer.placeholder} dir="auto"
          enterkeyhint=${this.#enterSends ? "send" : "enter"} ?disabled=${this.disabled}
          .value=${live(this.text)} @input=${this.#typed} @keydown=${this.#pressed}
        ></textarea>
        <button
          class="send" aria-label=${words.composer.send} title=${words.composer.send}
          ?disabled=${this.disabled || !this.text.trim()}
        >${icon("send")}</button>
      </form>`;
  }

  firstUpdated() {
    this.#fit();
    this.focus();
  }

  updated(changed) {
    if (changed.has("text")) this.#fit();
  }

  // Actions

  /** Puts the cursor into the box; not on a phone, where the keyboard would cover the conversation before it was read. */
  focus() {
    if (window.matchMedia(KEYBOARD).matches) this.#box.focus();
  }

  #typed(event) {
    this.text = event.target.value;
  }

  #pressed(event) {
    // While a word is being composed, Enter picks a suggestion.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !this.#enterSends) return;
    event.preventDefault();
    this.#send(event);
  }

  async #send(event) {
    event.preventDefault();
    const text = this.text.trim();
    if (!text || this.disabled) return;
    this.text = "";
    this.code = null;
    this.#box.focus();
    try {
      await this.app.send(this.roomId, text);
    } catch (error) {
      this.code = error.code ?? "internal";
      this.text = this.text ? `${text}\n${this.text}` : text;
    }
  }

  // Internal

  get #box() {
    return this.querySelector("textarea");
  }

  get #enterSends() {
    return enterSends(preferences.get("enter"), window.matchMedia(KEYBOARD).matches);
  }

  /** For browsers that cannot size a box by its text; the style sheet stops it at eight lines. */
  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#box.style.setProperty("block-size", "auto");
    this.#box.style.setProperty("block-size", `${this.#box.scrollHeight}px`);
  }
}

customElements.define("cc-composer", Composer);
