/**
 * <cc-problem>: a problem beside the work, with its one remedy.
 * Attributes: `fixed`, when only the words are wanted; `quiet`, for a line that can wait. Properties: `code`, `about` (a further sentence), `app` (for
 * "retry" and "drop").
 * Events: "cc-diagnose" when the reader wants to know why, "cc-dismiss" when it was answered, "cc-reload", "cc-paste"
 * when the remedy is another invitation, "cc-trust" when it is to go on at one's own word.
 */

import { html, nothing } from "../../vendor/lit.js";
import { diagnoseButton } from "./diagnose_button.js";
import { PageElement } from "./element.js";
import { icon } from "./icons.js";
import { noticeFor } from "./problems.js";
import { words } from "./words.js";

class ProblemBar extends PageElement {
  static properties = {
    code: { attribute: false },
    about: { attribute: false },
    app: { attribute: false },
    fixed: { type: Boolean },
    quiet: { type: Boolean },
  };

  render() {
    const { title, text, remedy } = noticeFor(this.code);
    if (this.quiet) return this.#line(title, text);
    return html`<div class="problem" role="alert" data-problem=${this.code}>
      ${icon("alert")}
      <div><strong>${title}</strong> ${text} ${this.about}</div>
      ${diagnoseButton(this.code)}
      ${this.fixed
        ? nothing
        : html`<button class="button" type="button" @click=${() => this.#act(remedy.action)}>${remedy.label}</button>`}
    </div>`;
  }

  /** What need not interrupt is one line with a cross. */
  #line(title, text) {
    return html`<div class="problem quiet" role="status" data-problem=${this.code}>
      ${icon("alert")}
      <p><strong>${title}:</strong> ${this.about} ${text}</p>
      <button
        class="tool" type="button" aria-label=${words.close} title=${words.close} @click=${() => this.#act("dismiss")}
      >${icon("close")}</button>
    </div>`;
  }

  #act(action) {
    // What this bar hid comes to light with it gone, and was not answered.
    if (action === "drop") return this.app.dropSpare();
    if (action === "retry") this.app.retryNow();
    if (action === "trust") return this.dispatchEvent(new CustomEvent("cc-trust", { bubbles: true }));
    if (action === "reload") this.dispatchEvent(new CustomEvent("cc-reload", { bubbles: true }));
    return this.dispatchEvent(new CustomEvent(action === "paste" ? "cc-paste" : "cc-dismiss", { bubbles: true }));
  }
}

/**
 * The bar for what a reader should know about the whole app.
 * @param {object} app @param {{code: string, about?: string, quiet?: boolean} | null} problem
 */
export function noticeBar(app, problem) {
  if (!problem) return nothing;
  const { code, about = "", quiet = false } = problem;
  return html`<cc-problem .app=${app} .code=${code} .about=${about} ?quiet=${quiet}></cc-problem>`;
}

/**
 * The bar for the `code` of an element, if it has one; answering it clears the code.
 * @param {{app: object, code: string|null, about?: string}} owner
 */
export function problemBar(owner) {
  if (!owner.code) return nothing;
  const clear = (event) => {
    event.stopPropagation();
    owner.code = null;
  };
  const { app, code, about } = owner;
  return html`<cc-problem .app=${app} .code=${code} .about=${about} @cc-dismiss=${clear}></cc-problem>`;
}

customElements.define("cc-problem", ProblemBar);
