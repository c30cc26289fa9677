/**
 * <cc-invite>: the dialog that invites somebody to the server.
 * Property: `app`. Method: `open()`.
 */

import { html } from "../../vendor/lit.js";
import { DialogElement } from "./dialog.js";
import { words } from "./words.js";
import "./invite_maker.js";

class Invite extends DialogElement {
  heading() {
    return words.invite.title;
  }

  reset() {}

  body() {
    return html`<cc-invite-maker .app=${this.app}></cc-invite-maker>`;
  }
}

customElements.define("cc-invite", Invite);
