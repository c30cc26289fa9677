/**
 * <cc-room-details>: who is in a room, and the way out of it. Beside the conversation from 1,200 px, else over it.
 * Properties: `app`, `roomId`. Event: "cc-close-details".
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { personTile } from "./face.js";
import { icon } from "./icons.js";
import { nameOf } from "./people.js";
import { problemBar } from "./problem.js";
import { words } from "./words.js";

class RoomDetails extends AppElement {
  static properties = {
    roomId: { attribute: false },
    asks: { state: true },
    busy: { state: true },
    code: { state: true },
  };
  static follows = ["rooms", "people"];

  constructor() {
    super();
    this.asks = false;
    this.busy = false;
    this.code = null;
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  render() {
    const room = this.app.rooms.find((one) => one.id === this.roomId);
    const members = room?.members ?? [];
    return html`<aside class="details" aria-label=${words.conversation.members}>
      <header>
        <h2>${words.conversation.members} <span class="soft figures">${members.length}</span></h2>
        <button class="tool" aria-label=${words.close} @click=${() => this.#close()}>${icon("close")}</button>
      </header>
      ${problemBar(this)}
      <ul>
        ${repeat(members, (userId) => userId, (userId) => this.#member(userId, room))}
      </ul>
      ${room?.joined && room.waitsFor?.code !== "leaving" ? this.#wayOut() : nothing}
    </aside>`;
  }

  firstUpdated() {
    this.querySelector("button").focus();
  }

  #member(userId, room) {
    const person = this.app.people.find((one) => one.userId === userId);
    const name = nameOf(this.app.people, userId);
    const isAdministrator = room.administrators?.includes(this.app.me.userId);
    const mayRemove = isAdministrator && !person?.me && !room.problem && !room.waitsFor;
    return html`<li class="member">
      ${personTile(userId, name)}
      <span>
        <span class="member-name">${name} <span class="soft">${person?.me ? words.conversation.self : ""}</span></span>
        <span class="small soft">${person ? words.conversation.devices(person.deviceCount) : ""}</span>
      </span>
      ${mayRemove
        ? html`<button
            class="tool" aria-label=${words.conversation.remove(name)} title=${words.conversation.remove(name)}
            ?disabled=${this.busy} @click=${() => this.#run(() => this.app.removePeople(room.id, [userId]))}
          >${icon("close")}</button>`
        : nothing}
    </li>`;
  }

  #wayOut() {
    const { leave, leaveSure, leaveYes, leaveNo } = words.conversation;
    if (!this.asks) return html`<button class="button quiet" @click=${() => (this.asks = true)}>${leave}</button>`;
    return html`<p class="small soft">${leaveSure}</p>
      <div class="actions">
        <button class="button" @click=${() => (this.asks = false)}>${leaveNo}</button>
        <button class="button primary" ?disabled=${this.busy} @click=${() => this.#leave()}>${leaveYes}</button>
      </div>`;
  }

  async #leave() {
    await this.#run(() => this.app.leaveRoom(this.roomId));
    this.asks = false;
  }

  async #run(work) {
    this.busy = true;
    this.code = null;
    try {
      await work();
    } catch (error) {
      this.code = error.code ?? "internal";
    } finally {
      this.busy = false;
    }
  }

  #close() {
    this.dispatchEvent(new CustomEvent("cc-close-details", { bubbles: true }));
  }
}

customElements.define("cc-room-details", RoomDetails);
