/**
 * <cc-conversation>: one room: who is in it, what was said, and the box to say more.
 * Properties: `app`, `roomId`, `wide`, `drafts` (Map of room to what was not sent), `problem` (of `noticeBar`, or null).
 * Events: "cc-back", "cc-open" {dialog}. Listens: "cc-close-details", "cc-trust", "cc-take-back", and to files that
 * are dropped here.
 */

import { html, nothing } from "../../vendor/lit.js";
import { filesIn, holdsFiles } from "./chosen_files.js";
import { AppElement } from "./element.js";
import { roomTile } from "./face.js";
import { icon } from "./icons.js";
import { namesOf } from "./people.js";
import { noticeBar } from "./problem.js";
import { words } from "./words.js";
import "./composer.js";
import "./message_log.js";
import "./room_details.js";
import "./status.js";
import "./writing.js";

class Conversation extends AppElement {
  static properties = {
    roomId: { attribute: false },
    wide: { attribute: false },
    drafts: { attribute: false },
    problem: { attribute: false },
    showDetails: { state: true },
    isDropTarget: { state: true },
  };
  static follows = ["rooms", "people"];

  constructor() {
    super();
    this.showDetails = false;
    this.isDropTarget = false;
    this.addEventListener("cc-take-back", (event) => this.querySelector("cc-composer").takeBack(event.detail.text));
    for (const name of ["dragover", "dragleave", "drop"]) this.addEventListener(name, (event) => this.#dragged(event));
    this.addEventListener("cc-close-details", () => this.#closeDetails());
    this.addEventListener("cc-trust", () => this.app.trustRoom(this.roomId).catch(() => {}));
  }

  render() {
    const room = this.app.rooms.find((one) => one.id === this.roomId);
    if (!room) return nothing;
    return html`
      ${this.#head(room)} ${this.#bar(room)}
      <div class="spread">
        <main class="talk" aria-label=${room.name}>
          <cc-message-log .app=${this.app} .roomId=${room.id}></cc-message-log>
          <cc-writing .app=${this.app} .roomId=${room.id}></cc-writing>
          <cc-composer
            .app=${this.app} .roomId=${room.id} .drafts=${this.drafts}
            ?disabled=${!room.joined || Boolean(room.problem) || room.waitsFor?.code === "leaving"}
          ></cc-composer>
        </main>
        ${this.isDropTarget
          ? html`<p class="drop-target">${icon("clip")} <span>${words.files.drop}</span></p>`
          : nothing}
        ${this.showDetails ? html`<cc-room-details .app=${this.app} .roomId=${room.id}></cc-room-details>` : nothing}
      </div>`;
  }

  /** What stops this room or holds it up, or else what the reader should know about the whole app. */
  #bar(room) {
    const own = room.problem ?? room.waitsFor;
    const canBeAnswered = own?.code === "unconfirmed";
    if (own) return html`<cc-problem .code=${own.code} ?fixed=${!canBeAnswered}></cc-problem>`;
    return noticeBar(this.app, this.problem);
  }

  #head(room) {
    const names = room.members.length < 2 ? words.conversation.justYou : namesOf(this.app.people, room.members);
    return html`<div class="pane-head conversation-head">
      ${this.wide
        ? nothing
        : html`<button class="tool" aria-label=${words.rooms.back} @click=${() => this.#say("cc-back")}>
            ${icon("back")}
          </button>`}
      <h2>
        <button
          class="about" aria-expanded=${this.showDetails} title=${words.conversation.showMembers}
          @click=${() => (this.showDetails = !this.showDetails)}
        >
          ${this.wide ? roomTile(room.id, room.name) : nothing}
          <span class="about-words">
            <span class="about-name">${room.name}</span>
            <span class="about-members small soft">${names}</span>
          </span>
        </button>
      </h2>
      <button
        class=${this.wide ? "button quiet" : "tool"}
        aria-label=${words.conversation.addPeople} title=${words.conversation.addPeople}
        ?disabled=${!room.joined || Boolean(room.problem)} @click=${() => this.#say("cc-open", { dialog: "cc-add-people" })}
      >
        ${icon("person")}${this.wide ? html`<span>${words.conversation.addPeople}</span>` : nothing}
      </button>
      <cc-status .app=${this.app}></cc-status>
    </div>`;
  }

  /** Files dropped on the room go beside what is written; without us the browser would leave the page for them. */
  #dragged(event) {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const isWithin = this.contains(event.relatedTarget);
    this.isDropTarget = event.type === "dragover" || (event.type === "dragleave" && isWithin);
    if (event.type === "drop") this.querySelector("cc-composer").take(filesIn(event.dataTransfer));
  }

  #closeDetails() {
    this.showDetails = false;
    this.querySelector(".about").focus();
  }

  #say(name, detail = undefined) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("cc-conversation", Conversation);
