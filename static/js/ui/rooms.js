/**
 * <cc-rooms>: the list of rooms, the newest first, and the way to make one.
 * Properties: `app`, `roomId` (the open one). Events: "cc-choose-room" {roomId}, "cc-open" {dialog}.
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { roomTile } from "./face.js";
import { icon } from "./icons.js";
import { previewWords } from "./people.js";
import { times } from "./times.js";
import { words } from "./words.js";

class Rooms extends AppElement {
  static properties = { roomId: { attribute: false } };
  static follows = ["rooms", "people", "messages"];

  render() {
    const { rooms } = this.app;
    return html`<nav aria-label=${words.rooms.label}>
      <button class="create" @click=${this.#create}>
        <span class="tile" aria-hidden="true">${icon("plus")}</span>${words.rooms.create}
      </button>
      ${rooms.length === 0
        ? html`<p class="empty-note">${words.rooms.empty}</p>`
        : html`<ul>
            ${repeat(rooms, (room) => room.id, (room) => html`<li>${this.#room(room)}</li>`)}
          </ul>`}
    </nav>`;
  }

  #room(room) {
    const current = room.id === this.roomId;
    const unread = current ? 0 : room.unread;
    return html`<button
      class="room ${unread > 0 ? "has-unread" : ""}" data-room-id=${room.id}
      aria-current=${current ? "true" : nothing} @click=${() => this.#choose(room.id)}
    >
      ${roomTile(room.id, room.name)}
      <span class="room-name">${room.name}</span>
      <span class="when figures">${room.last ? times.brief(room.last.time, Date.now()) : nothing}</span>
      <span class="preview">${this.#preview(room)}</span>
      ${unread > 0 ? count(unread) : nothing}
    </button>`;
  }

  #preview(room) {
    if (!room.joined && !room.problem) return words.rooms.joining;
    return previewWords(this.app.people, room.last, room.members.length < 3);
  }

  #choose(roomId) {
    this.dispatchEvent(new CustomEvent("cc-choose-room", { bubbles: true, detail: { roomId } }));
  }

  #create() {
    this.dispatchEvent(new CustomEvent("cc-open", { bubbles: true, detail: { dialog: "cc-new-room" } }));
  }
}

function count(unread) {
  return html`<span class="count figures">
    <span aria-hidden="true">${unread}</span><span class="unseen">${words.rooms.unread(unread)}</span>
  </span>`;
}

customElements.define("cc-rooms", Rooms);
