/**
 * <cc-rooms-pane>: the left side: whose place this is, the rooms, oneself.
 * Properties: `app`, `roomId` (the open one), `wide`, `problem` (of `noticeBar`, or null), `updates`.
 * Events: "cc-open" {dialog} for the invitation and the profile.
 */

import { html, nothing } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { personTile } from "./face.js";
import { icon } from "./icons.js";
import { mark } from "./mark.js";
import { noticeBar } from "./problem.js";
import { words } from "./words.js";
import "./rooms.js";
import "./status.js";
import "./update_offer.js";

class RoomsPane extends AppElement {
  static properties = {
    roomId: { attribute: false },
    wide: { attribute: false },
    problem: { attribute: false },
    updates: { attribute: false },
  };
  static follows = ["people", "connection", "state"];

  render() {
    const { me, connection } = this.app;
    return html`
      <header class="pane-head">
        <div class="place">${mark()}<h1>${connection.serverName || words.product}</h1></div>
        ${this.wide ? nothing : html`<cc-status .app=${this.app}></cc-status>`}
      </header>
      ${noticeBar(this.app, this.problem)}
      <cc-rooms .app=${this.app} .roomId=${this.roomId}></cc-rooms>
      <cc-update-offer .updates=${this.updates}></cc-update-offer>
      <footer class="rooms-foot">
        <button class="self" aria-label=${words.profile.open(me.name)} @click=${() => this.#open("cc-profile")}>
          ${personTile(me.userId, me.name)}<span>${me.name}</span>
        </button>
        <button
          class="tool" aria-label=${words.rooms.invite} title=${words.rooms.invite}
          @click=${() => this.#open("cc-invite")}
        >${icon("link")}</button>
      </footer>`;
  }

  #open(dialog) {
    this.dispatchEvent(new CustomEvent("cc-open", { bubbles: true, detail: { dialog } }));
  }
}

customElements.define("cc-rooms-pane", RoomsPane);
