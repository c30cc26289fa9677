/**
 * <cc-invited>: the first start with an invitation. Asks for a name, then makes this device ready.
 * Property: `app`, in state "invited" or "enrolling".
 */

import { html, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { mark } from "./mark.js";
import { problemFor } from "./problems.js";
import { ring } from "./ring.js";
import { times } from "./times.js";
import { words } from "./words.js";
import "./address_file.js";
import "./problem.js";

const NAME_MAX_CHARACTERS = 64;

class Invited extends AppElement {
  static properties = { name: { state: true }, code: { state: true } };
  static follows = ["state"];

  constructor() {
    super();
    this.name = "";
    this.code = null;
  }

  render() {
    return html`<main class="entrance">
      ${mark("backdrop")}
      ${this.app.state === "enrolling" ? enrolling(this.app.problem) : this.#question()}
    </main>`;
  }

  #question() {
    const { serverName, inviter, expires } = this.app.invitation ?? {};
    const code = this.code ?? this.app.problem?.code;
    return html`<div class="sheet">
      <p class="brand">${mark()} ${words.product}</p>
      <h1>${inviter ? words.invited.by(inviter) : words.invited.to(serverName)}</h1>
      <p class="lead">${words.invited.about}</p>
      ${code ? html`<cc-problem .code=${code} fixed></cc-problem>` : nothing}
      <form @submit=${this.#join}>
        <div class="field">
          <label for="your-name">${words.invited.nameLabel}</label>
          <input
            id="your-name" class="input" name="name" required autocomplete="name"
            maxlength=${NAME_MAX_CHARACTERS} aria-describedby="your-name-hint"
            .value=${this.name} @input=${(event) => (this.name = event.target.value)}
          >
          <span class="hint" id="your-name-hint">${words.invited.nameHint}</span>
        </div>
        <button class="button primary">${words.invited.join}</button>
      </form>
      ${code === "unavailable" ? html`<cc-address-file .app=${this.app}></cc-address-file>` : nothing}
      ${expires ? html`<p class="fine-print">${until(expires)}</p>` : nothing}
    </div>`;
  }

  async #join(event) {
    event.preventDefault();
    const name = this.name.trim();
    if (!name) return;
    this.code = null;
    try {
      await this.app.enrol(name);
    } catch (error) {
      this.code = error.code ?? "internal";
    }
  }

  firstUpdated() {
    this.querySelector("#your-name")?.focus();
  }
}

/** @param {{code: string} | null} problem what is waited for, when it is not only the network */
function enrolling(problem) {
  return html`<div class="sheet" role="status">
    <span class="enrolling-ring">${ring({ status: "moving" })}</span>
    <h1>${words.enrolling.title}</h1>
    <p class="lead">${problem ? problemFor(problem.code).text : words.enrolling.about}</p>
    <p class="fine-print after-long">${words.enrolling.slow}</p>
  </div>`;
}

function until(expires) {
  return words.invited.expires(times.moment(expires * 1000, Date.now()));
}

customElements.define("cc-invited", Invited);
