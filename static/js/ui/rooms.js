/**
 * <cc-rooms>: the list of rooms, the newest first, and the way to make one.
 * Who is writing stands in place of what was said last, and is told to nobody: the open room does that.
 * Properties: `app`, `roomId` (the open one). Events: "cc-choose-room" {roomId}, "cc-open" {dialog}.
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { roomTile } from "./face.js";
import { icon } from "./icons.js";
import { namesOf, previewWords } from "./people.js";
import { writersIn } from "./telling.js";
import { times } from "./times.js";
import { words } from "./words.js";

class Rooms extends AppElement {
  static properties = { roomId: { attribute: false } };
  static follows = ["rooms", "people", "messages", "signals"];
  /** By room: who is shown as writing there. */
  #writers = new Map();

  /** How far somebody has read changes nothing here. */
  appChanged({ what, roomId }) {
    const isSame = () => String(writersIn(this.app, roomId)) === String(this.#writers.get(roomId));
    if (what !== "signals" || !roomId || !isSame()) this.requestUpdate();
  }

  render() {
    const { rooms } = this.app;
    this.#writers = new Map(rooms.map(({ id }) => [id, writersIn(this.app, id)]));
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
      ${this.#preview(room)}
      ${unread > 0 ? count(unread) : nothing}
    </button>`;
  }

  #preview(room) {
    const writers = this.#writers.get(room.id);
    if (writers.length > 0) return html`<span class="preview at-work">${this.#writing(writers)}</span>`;
    const isJoining = !room.joined && !room.problem;
    const said = isJoining ? words.rooms.joining : previewWords(this.app.people, room.last, room.members.length < 3);
    return html`<span class="preview">${said}</span>`;
  }

  #writing(writers) {
    return words.signals.writing(namesOf(this.app.people, writers), writers.length);
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
