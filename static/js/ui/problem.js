/**
 * <cc-problem>: a problem beside the work, with its one remedy.
 * Attribute: `fixed`, when only the words are wanted. Properties: `code`, `app` (for "retry").
 * Events: "cc-dismiss" when it was answered, "cc-paste" when the remedy is another invitation.
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { icon } from "./icons.js";
import { noticeFor, problemFor } from "./problems.js";

class ProblemBar extends PageElement {
  static properties = { code: { attribute: false }, app: { attribute: false }, fixed: { type: Boolean } };

  render() {
    const { title, text, remedy } = this.fixed ? { ...problemFor(this.code), remedy: null } : noticeFor(this.code);
    return html`<div class="problem" role="alert" data-problem=${this.code}>
      ${icon("alert")}
      <div><strong>${title}</strong> ${text}</div>
      ${remedy ? html`<button class="button" @click=${() => this.#act(remedy.action)}>${remedy.label}</button>` : nothing}
    </div>`;
  }

  #act(action) {
    if (action === "retry") this.app.retryNow();
    if (action === "reload") window.location.reload();
    this.dispatchEvent(new CustomEvent(action === "paste" ? "cc-paste" : "cc-dismiss", { bubbles: true }));
  }
}

customElements.define("cc-problem", ProblemBar);
