/**
 * <cc-app>: the whole page. Shows the screen that fits the app's state.
 * Properties: `app` (the App, once it is open), `failure` (a code, when it could not even be opened), `updates`.
 * Listens: "cc-paste" from anywhere within, to let the reader paste another invitation, and "cc-reload", to open the
 * page again in its newest version, and "cc-diagnose", to show why there is no connection.
 */

import { html, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { mark } from "./mark.js";
import { words } from "./words.js";
import "./diagnosis.js";
import "./home.js";
import "./invited.js";
import "./standstill.js";
import "./start_over.js";
import "./uninvited.js";

// With these no name will do; only another invitation.
const SPENT = ["invitation_used", "invitation_expired"];

class AppFrame extends AppElement {
  static properties = { failure: { attribute: false }, updates: { attribute: false }, pasting: { state: true } };
  static follows = ["state"];

  constructor() {
    super();
    this.failure = null;
    this.updates = null;
    this.pasting = false;
    this.addEventListener("cc-paste", () => (this.pasting = true));
    this.addEventListener("cc-reload", () => this.updates.reload());
    this.addEventListener("cc-diagnose", () => this.querySelector("cc-diagnosis")?.open());
  }

  render() {
    return html`${this.#screen()} ${this.app ? this.#dialogs() : nothing}`;
  }

  #dialogs() {
    return html`<cc-diagnosis .app=${this.app}></cc-diagnosis> <cc-start-over .app=${this.app}></cc-start-over>`;
  }

  #screen() {
    if (this.failure) return this.#standstill(this.failure);
    if (this.pasting) return html`<cc-uninvited></cc-uninvited>`;
    switch (this.app?.state) {
      case "ready":
        return html`<cc-home .app=${this.app} .updates=${this.updates}></cc-home>`;
      case "empty":
        return html`<cc-uninvited .code=${this.app.problem?.code ?? null}></cc-uninvited>`;
      case "invited":
      case "enrolling":
        return this.#invited();
      case "elsewhere":
        return this.#standstill("elsewhere");
      case "revoked":
        return this.#standstill(this.app.problem?.code ?? "revoked");
      case "failed":
        return this.#standstill(this.app.problem?.code ?? "internal");
      default:
        return opening();
    }
  }

  #invited() {
    const { problem, invitation } = this.app;
    if (SPENT.includes(problem?.code)) return this.#standstill(problem.code);
    if (invitation?.expired) return this.#standstill("invitation_expired");
    return html`<cc-invited .app=${this.app}></cc-invited>`;
  }

  #standstill(code) {
    return html`<cc-standstill .code=${code}></cc-standstill>`;
  }
}

/** The shape of the list that comes; the words only when it takes long. */
function opening() {
  return html`<main class="panes opening" aria-busy="true">
    <h1 class="unseen">${words.product}</h1>
    <div class="pane rooms-pane">
      <div class="pane-head"><span class="place">${mark()}</span></div>
      <div class="ghosts" aria-hidden="true">${[1, 2, 3, 4].map(() => html`<div class="ghost"></div>`)}</div>
      <p class="slow-words" role="status">${words.starting}</p>
    </div>
  </main>`;
}

customElements.define("cc-app", AppFrame);
