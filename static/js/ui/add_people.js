/**
 * <cc-add-people>: the dialog that adds people to a room, and invites somebody new to the server.
 * Properties: `app`, `roomId`. Method: `open()`.
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { DialogElement } from "./dialog.js";
import { personTile } from "./face.js";
import { addable } from "./people.js";
import { words } from "./words.js";
import "./invite_maker.js";

class AddPeople extends DialogElement {
  static properties = { roomId: { attribute: false }, chosen: { state: true } };
  static follows = ["people", "rooms"];

  constructor() {
    super();
    this.chosen = new Set();
  }

  reset() {
    this.chosen = new Set();
  }

  heading() {
    return words.addPeople.title(this.#room?.name ?? "");
  }

  body() {
    const people = addable(this.app.people, this.#room?.members ?? []);
    return html`
      <form @submit=${this.#add}>
        <fieldset class="field">
          <legend>${words.addPeople.known}</legend>
          ${people.length > 0
            ? html`<ul class="picks">${repeat(people, (person) => person.userId, (person) => this.#pick(person))}</ul>`
            : html`<p class="soft">${this.#nobody}</p>`}
        </fieldset>
        ${people.length > 0
          ? html`<p class="small soft">${words.addPeople.history}</p>
              <div class="actions end">
                <button class="button primary" ?disabled=${this.busy || this.chosen.size === 0}>
                  ${this.busy ? words.addPeople.adding : words.addPeople.add(this.chosen.size)}
                </button>
              </div>`
          : nothing}
      </form>
      <section class="somebody-new">
        <h3>${words.addPeople.somebodyNew}</h3>
        <cc-invite-maker .app=${this.app}></cc-invite-maker>
      </section>`;
  }

  #pick(person) {
    return html`<li><label class="pick">
      ${personTile(person.userId, person.name)}
      <span>${person.name}</span>
      <input
        type="checkbox" .checked=${this.chosen.has(person.userId)}
        @change=${(event) => this.#toggle(person.userId, event.target.checked)}
      >
    </label></li>`;
  }

  #toggle(userId, wanted) {
    this.chosen = new Set(this.chosen);
    if (wanted) this.chosen.add(userId);
    else this.chosen.delete(userId);
  }

  async #add(event) {
    event.preventDefault();
    if (this.busy || this.chosen.size === 0) return;
    const done = await this.run(async () => {
      await this.app.addPeople(this.roomId, [...this.chosen]);
      return true;
    });
    if (done) this.close();
  }

  get #nobody() {
    return this.app.people.length > 1 ? words.addPeople.nobodyLeft : words.addPeople.nobodyKnown;
  }

  get #room() {
    return this.app.rooms.find((room) => room.id === this.roomId);
  }
}

customElements.define("cc-add-people", AddPeople);
