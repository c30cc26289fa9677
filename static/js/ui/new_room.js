/**
 * <cc-new-room>: the dialog that makes a room.
 * Property: `app`. Method: `open()`. Event: "cc-choose-room" {roomId} when it is made.
 */

import { html } from "../../vendor/lit.js";
import { DialogElement } from "./dialog.js";
import { words } from "./words.js";

const NAME_MAX_CHARACTERS = 64;

class NewRoom extends DialogElement {
  heading() {
    return words.newRoom.title;
  }

  reset() {}

  body() {
    return html`<form @submit=${this.#create}>
      <div class="field">
        <label for="room-name">${words.newRoom.nameLabel}</label>
        <input
          id="room-name" class="input" name="name" required data-first
          autocomplete="off" maxlength=${NAME_MAX_CHARACTERS}
          placeholder=${words.newRoom.placeholder} aria-describedby="room-name-hint"
        >
        <span class="hint" id="room-name-hint">${words.newRoom.nameHint}</span>
      </div>
      <div class="actions end">
        <button class="button" type="button" @click=${() => this.close()}>${words.cancel}</button>
        <button class="button primary" ?disabled=${this.busy}>
          ${this.busy ? words.newRoom.creating : words.newRoom.create}
        </button>
      </div>
    </form>`;
  }

  async #create(event) {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (!name || this.busy) return;
    const roomId = await this.run(() => this.app.createRoom(name));
    if (roomId === null) return;
    this.close();
    this.dispatchEvent(new CustomEvent("cc-choose-room", { bubbles: true, detail: { roomId } }));
  }
}

customElements.define("cc-new-room", NewRoom);
