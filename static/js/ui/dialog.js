/** What our dialogs have in common: a native <dialog> with a title, drawn only while it is open. */

import { html, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { icon } from "./icons.js";
import { words } from "./words.js";
import { problemBar } from "./problem.js";

/** A subclass gives `heading()`, `body()` and `reset()`; `run(work)` keeps it busy and shows what went wrong. */
export class DialogElement extends AppElement {
  static properties = { isOpen: { state: true }, busy: { state: true }, code: { state: true } };

  constructor() {
    super();
    this.isOpen = false;
    this.busy = false;
    this.code = null;
  }

  render() {
    const titleId = `${this.localName}-title`;
    return html`<dialog aria-labelledby=${titleId} @close=${this.#closed} @pointerdown=${this.#outside}>
      ${this.isOpen
        ? html`<div class="dialog">
            <header>
              <h2 id=${titleId}>${this.heading()}</h2>
              <button class="tool" type="button" aria-label=${words.close} @click=${() => this.close()}>
                ${icon("close")}
              </button>
            </header>
            ${problemBar(this)}
            ${this.body()}
          </div>`
        : nothing}
    </dialog>`;
  }

  appChanged() {
    if (this.isOpen) this.requestUpdate();
  }

  /** Shows the dialog, empty. The browser keeps the focus inside, and gives it back at the end. */
  async open() {
    this.busy = false;
    this.code = null;
    this.reset();
    this.isOpen = true;
    await this.updateComplete;
    this.#dialog.showModal();
    this.querySelector("[data-first]")?.focus();
  }

  close() {
    this.#dialog.close();
  }

  /**
   * Does the work that the dialog is for.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T|null>} null when it failed, and then the dialog says why
   */
  async run(work) {
    this.busy = true;
    this.code = null;
    try {
      return await work();
    } catch (error) {
      this.code = error.code ?? "internal";
      return null;
    } finally {
      this.busy = false;
    }
  }

  get #dialog() {
    return this.querySelector("dialog");
  }

  #closed() {
    this.isOpen = false;
  }

  #outside(event) {
    if (event.target === this.#dialog) this.close();
  }
}
