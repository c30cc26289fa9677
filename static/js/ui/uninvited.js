/**
 * <cc-uninvited>: nobody is known here and no invitation came along. Says what to do and takes a pasted one.
 * Property: `code`, why the invitation that did come along is of no use, or null.
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { icon } from "./icons.js";
import { invitationIn } from "./links.js";
import { mark } from "./mark.js";
import { words } from "./words.js";
import "./problem.js";

class Uninvited extends PageElement {
  static properties = { code: { attribute: false }, refused: { state: true } };

  constructor() {
    super();
    this.code = null;
    this.refused = false;
  }

  render() {
    return html`<main class="entrance">
      ${mark("backdrop")}
      <div class="sheet">
        <p class="brand">${mark()} ${words.product}</p>
        <h1>${words.uninvited.title}</h1>
        <p class="lead">${words.uninvited.about}</p>
        ${this.code ? html`<cc-problem .code=${this.code} fixed></cc-problem>` : nothing}
        <form @submit=${this.#use}>
          <div class="field">
            <label for="invitation">${words.uninvited.pasteLabel}</label>
            <input
              id="invitation" class="input" name="invitation" required autocomplete="off" spellcheck="false"
              aria-describedby="invitation-hint" aria-invalid=${this.refused}
            >
            ${this.refused ? refusal() : hint()}
          </div>
          <button class="button primary">${words.uninvited.use}</button>
        </form>
        <p class="fine-print">${words.uninvited.ask}</p>
      </div>
    </main>`;
  }

  #use(event) {
    event.preventDefault();
    const invitation = invitationIn(new FormData(event.target).get("invitation"));
    this.refused = invitation === null;
    if (invitation === null) return;
    // The same road as an opened link: the invitation stands in the fragment, which is never sent to a server. The page
    // is opened anew when the fragment changes (app.js); a second time would break off the first.
    const before = window.location.href;
    window.location.hash = invitation;
    if (window.location.href === before) window.location.reload();
  }
}

function hint() {
  return html`<span class="hint" id="invitation-hint">${words.uninvited.pasteHint}</span>`;
}

function refusal() {
  return html`<span class="refusal" id="invitation-hint" role="alert">
    ${icon("alert")} <span>${words.uninvited.unreadable}</span>
  </span>`;
}

customElements.define("cc-uninvited", Uninvited);
