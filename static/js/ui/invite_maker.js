/**
 * <cc-invite-maker>: makes an invitation link, shows it once, and copies it.
 * Property: `app`.
 */

import { html } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { icon } from "./icons.js";
import { times } from "./times.js";
import { words } from "./words.js";
import { problemBar } from "./problem.js";

const COPIED_MS = 2000;

class InviteMaker extends PageElement {
  static properties = {
    app: { attribute: false },
    invite: { state: true },
    busy: { state: true },
    copied: { state: true },
    code: { state: true },
  };

  constructor() {
    super();
    this.invite = null;
    this.busy = false;
    this.copied = false;
    this.code = null;
  }

  render() {
    return html`${problemBar(this)} ${this.invite ? this.#made() : this.#question()}`;
  }

  #question() {
    return html`<form @submit=${this.#make}>
      <p class="soft">${words.invite.about}</p>
      <div class="field">
        <label for="invite-label">${words.invite.labelLabel}</label>
        <input
          id="invite-label" class="input" name="label" autocomplete="off" maxlength="64"
          aria-describedby="invite-label-hint"
        >
        <span class="hint" id="invite-label-hint">${words.invite.labelHint}</span>
      </div>
      <button class="button" ?disabled=${this.busy}>
        ${icon("link")} ${this.busy ? words.invite.making : words.invite.make}
      </button>
    </form>`;
  }

  #made() {
    const until = times.moment(this.invite.expires * 1000, Date.now());
    return html`<div class="made" role="status">
      <div class="field">
        <label for="invite-link">${words.invite.linkLabel}</label>
        <div class="link-row">
          <input
            id="invite-link" class="input code" readonly
            .value=${this.invite.url} @focus=${(event) => event.target.select()}
          >
          <button class="button primary" type="button" @click=${this.#copy}>
            ${icon(this.copied ? "check" : "copy")} ${this.copied ? words.invite.copied : words.invite.copy}
          </button>
        </div>
      </div>
      <p class="small soft">${words.invite.once(until)}</p>
      <button class="button plain" type="button" @click=${() => (this.invite = null)}>${words.invite.another}</button>
    </div>`;
  }

  async #make(event) {
    event.preventDefault();
    if (this.busy) return;
    const label = new FormData(event.target).get("label").trim();
    this.busy = true;
    this.code = null;
    try {
      this.invite = await this.app.createInvite(label);
    } catch (error) {
      this.code = error.code ?? "internal";
    }
    this.busy = false;
  }

  async #copy() {
    const field = this.querySelector("#invite-link");
    field.select();
    try {
      await navigator.clipboard.writeText(this.invite.url);
    } catch {
      // Not allowed here: the link is selected, so the reader's own copy key does it.
      return;
    }
    this.copied = true;
    setTimeout(() => (this.copied = false), COPIED_MS);
  }
}

customElements.define("cc-invite-maker", InviteMaker);
