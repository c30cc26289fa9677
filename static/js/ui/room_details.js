/**
 * <cc-room-details>: who is in a room. Beside the conversation from 1,200 px, else over it.
 * Properties: `app`, `roomId`. Event: "cc-close-details".
 */

import { html, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { personTile } from "./face.js";
import { icon } from "./icons.js";
import { nameOf } from "./people.js";
import { words } from "./words.js";

class RoomDetails extends AppElement {
  static properties = { roomId: { attribute: false } };
  static follows = ["rooms", "people"];

  constructor() {
    super();
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  render() {
    const members = this.app.rooms.find((room) => room.id === this.roomId)?.members ?? [];
    return html`<aside class="details" aria-label=${words.conversation.members}>
      <header>
        <h2>${words.conversation.members} <span class="soft figures">${members.length}</span></h2>
        <button class="tool" aria-label=${words.close} @click=${() => this.#close()}>${icon("close")}</button>
      </header>
      <ul>
        ${repeat(members, (userId) => userId, (userId) => this.#member(userId))}
      </ul>
    </aside>`;
  }

  firstUpdated() {
    this.querySelector("button").focus();
  }

  #member(userId) {
    const person = this.app.people.find((one) => one.userId === userId);
    const name = nameOf(this.app.people, userId);
    return html`<li class="member">
      ${personTile(userId, name)}
      <span>
        <span class="member-name">${name} <span class="soft">${person?.me ? words.conversation.self : ""}</span></span>
        <span class="small soft">${person ? words.conversation.devices(person.deviceCount) : ""}</span>
      </span>
    </li>`;
  }

  #close() {
    this.dispatchEvent(new CustomEvent("cc-close-details", { bubbles: true }));
  }
}

customElements.define("cc-room-details", RoomDetails);
