/**
 * <cc-composer>: the box to write in, and to choose files. Grows to eight lines; Enter sends where there is a
 * keyboard (or as chosen). Attribute: `disabled`. Properties: `app`, `roomId`, `drafts` (Map of room to what was not
 * sent, {text, chosen}, kept when rooms change).
 */

import { html, live, nothing } from "../../vendor/lit.js";
import { aboutProblem, chosenFiles, filesIn, withMore } from "./chosen_files.js";
import { AppElement } from "./element.js";
import { icon } from "./icons.js";
import { enterSends, preferences } from "./preferences.js";
import { tellTyping } from "./telling.js";
import { words } from "./words.js";
import { problemBar } from "./problem.js";

const KEYBOARD = "(hover: hover) and (pointer: fine)";

class Composer extends AppElement {
  static properties = {
    roomId: { attribute: false },
    drafts: { attribute: false },
    disabled: { type: Boolean },
    text: { state: true },
    chosen: { state: true },
    code: { state: true },
  };
  static follows = ["connection"];

  constructor() {
    super();
    this.disabled = false;
    this.text = "";
    this.chosen = [];
    this.code = null;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    ({ text: this.text, chosen: this.chosen } = this.drafts.get(this.roomId) ?? { text: "", chosen: [] });
  }

  disconnectedCallback() {
    this.#keep();
    super.disconnectedCallback();
  }

  render() {
    const away = ["offline", "connecting"].includes(this.app.connection.status);
    return html`
      ${problemBar(this)}
      ${away ? html`<p class="waiting-hint small" role="status">${words.composer.waitingHint}</p>` : nothing}
      ${chosenFiles(this.chosen, (file) => this.#leaveOut(file))}
      <form @submit=${this.#send}>
        <button
          class="tool attach" type="button" aria-label=${words.files.attach} title=${words.files.attach}
          ?disabled=${this.disabled} @click=${() => this.querySelector("input").click()}
        >${icon("clip")}</button>
        <input type="file" multiple hidden @change=${this.#picked} />
        <textarea
          rows="1" aria-label=${words.composer.label} placeholder=${words.composer.placeholder} dir="auto"
          enterkeyhint=${this.#enterSends ? "send" : "enter"} ?disabled=${this.disabled}
          .value=${live(this.text)} @input=${this.#typed} @keydown=${this.#pressed}
          @paste=${this.#pasted}
        ></textarea>
        <button
          class="send" aria-label=${words.composer.send} title=${words.composer.send}
          ?disabled=${this.disabled || this.#isEmpty}
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

  /** Puts files beside what is written. @param {File[]} files */
  async take(files) {
    if (this.disabled) return;
    const before = this.chosen;
    const check = (all) => this.app.files.check(this.roomId, all);
    const { chosen, problem } = await withMore(before, await this.app.files.prepare(files), check);
    // What was left out or sent meanwhile does not come back.
    const fresh = chosen.filter((file) => !before.includes(file));
    this.chosen = [...this.chosen, ...fresh];
    this.code = problem?.code ?? null;
    this.about = aboutProblem(problem);
    this.focus();
  }

  /** Puts back what was not sent after all. @param {string} text */
  takeBack(text) {
    this.text = [text, this.text].filter(Boolean).join("\n");
    this.focus();
  }

  #picked({ target }) {
    this.take([...target.files]);
    // The same file can be picked again.
    target.value = "";
  }

  #pasted(event) {
    const files = filesIn(event.clipboardData);
    if (files.length === 0) return;
    event.preventDefault();
    this.take(files);
  }

  #leaveOut(file) {
    this.chosen = this.chosen.filter((each) => each !== file);
    this.focus();
  }

  #typed(event) {
    this.text = event.target.value;
    tellTyping(this.app, this.roomId, this.text);
  }

  #pressed(event) {
    // While a word is being composed, Enter picks a suggestion.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !this.#enterSends) return;
    event.preventDefault();
    this.#send(event);
  }

  async #send(event) {
    event.preventDefault();
    const [text, chosen] = [this.text.trim(), this.chosen];
    if (this.#isEmpty || this.disabled) return;
    this.text = "";
    this.chosen = [];
    this.code = null;
    this.app.signals?.typed(this.roomId);
    this.#box.focus();
    try {
      await this.app.send(this.roomId, text, chosen);
    } catch (error) {
      // Whoever takes a message back knows why it was not sent, and has its text already.
      if (error.code === "given_up") return;
      this.code = error.code ?? "internal";
      this.about = aboutProblem(error);
      this.chosen = [...chosen, ...this.chosen];
      this.text = [text, this.text].filter(Boolean).join("\n");
      // Meanwhile the reader may have gone to another room.
      if (!this.isConnected) this.#keep();
    }
  }

  // Internal

  get #box() {
    return this.querySelector("textarea");
  }

  get #isEmpty() {
    return !this.text.trim() && this.chosen.length === 0;
  }

  #keep() {
    this.drafts.set(this.roomId, { text: this.text, chosen: this.chosen });
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
