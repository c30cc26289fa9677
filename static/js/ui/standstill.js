/**
 * <cc-standstill>: a full stop, with what happened and the one thing to do.
 * Property: `code` of problems.js. Events: "cc-paste" when the remedy is another invitation, "cc-reload" otherwise.
 */

import { html, nothing } from "../../vendor/lit.js";
import { diagnoseButton } from "./diagnose_button.js";
import { PageElement } from "./element.js";
import { mark } from "./mark.js";
import { problemFor } from "./problems.js";
import { words } from "./words.js";

class Standstill extends PageElement {
  static properties = { code: { attribute: false } };

  render() {
    const { title, text, remedy } = problemFor(this.code);
    return html`<main class="entrance">
      ${mark("backdrop")}
      <div class="sheet" data-problem=${this.code}>
        <p class="brand">${mark()} ${words.product}</p>
        <h1 tabindex="-1">${title}</h1>
        <p class="lead">${text}</p>
        <p class="actions">
          ${remedy
            ? html`<button class="button primary" @click=${() => this.#act(remedy.action)}>${remedy.label}</button>`
            : nothing}
          ${diagnoseButton(this.code)}
        </p>
      </div>
    </main>`;
  }

  // The screen came by itself, so a screen reader starts at its heading.
  firstUpdated() {
    this.querySelector("h1").focus();
  }

  #act(action) {
    // Nothing runs behind a full stop: to try again is to open the page again.
    const wanted = action === "paste" ? "cc-paste" : "cc-reload";
    this.dispatchEvent(new CustomEvent(wanted, { bubbles: true }));
  }
}

customElements.define("cc-standstill", Standstill);
