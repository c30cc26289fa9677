/**
 * <cc-home>: rooms and conversation. Side by side from 720 px; on a phone one pane at a time, and the way back of the
 * phone leads from the conversation to the rooms.
 * Properties: `app`, ready; `updates`. Listens: "cc-choose-room" {roomId}, "cc-back", "cc-open" {dialog}, "cc-dismiss".
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { clockProblem } from "./clock_problem.js";
import { AppElement } from "./element.js";
import { icon } from "./icons.js";
import { mark } from "./mark.js";
import { firstName } from "./people.js";
import { noticeBar } from "./problem.js";
import { words } from "./words.js";
import "./add_people.js";
import "./conversation.js";
import "./invite.js";
import "./new_room.js";
import "./profile.js";
import "./rooms_pane.js";
import "./status.js";

const WIDE = "(min-width: 720px)";

class Home extends AppElement {
  static properties = {
    updates: { attribute: false },
    roomId: { state: true },
    wide: { state: true },
    dismissed: { state: true },
  };
  static follows = ["rooms", "state", "connection"];
  #media = window.matchMedia(WIDE);
  #drafts = new Map();
  #moved = null; // the way the last change of pane went, for its motion

  constructor() {
    super();
    this.roomId = window.history.state?.room ?? null;
    this.wide = this.#media.matches;
    this.dismissed = [];
    this.addEventListener("cc-choose-room", (event) => this.#choose(event.detail.roomId));
    this.addEventListener("cc-back", () => this.#back());
    this.addEventListener("cc-open", (event) => this.querySelector(event.detail.dialog).open());
    this.addEventListener("cc-dismiss", () => (this.dismissed = [...this.dismissed, this.#problem()?.code]));
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.#media.addEventListener("change", this.#resized);
    window.addEventListener("popstate", this.#travelled);
  }

  disconnectedCallback() {
    this.#media.removeEventListener("change", this.#resized);
    window.removeEventListener("popstate", this.#travelled);
    super.disconnectedCallback();
  }

  willUpdate(changed) {
    super.willUpdate(changed);
    const rooms = this.app.rooms;
    if (this.roomId && !rooms.some((room) => room.id === this.roomId)) this.roomId = null;
    if (!this.roomId && rooms.length > 0 && this.wide) this.roomId = rooms[0].id;
    // What comes back after it was gone is news again.
    const codes = this.#problems().map(({ code }) => code);
    if (this.dismissed.some((code) => !codes.includes(code))) {
      this.dismissed = this.dismissed.filter((code) => codes.includes(code));
    }
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    document.title = unread > 0 ? `(${unread}) ${words.product}` : words.product;
  }

  render() {
    const showRooms = this.wide || !this.roomId;
    const showConversation = this.wide || this.roomId;
    return html`<div class="panes">
        ${showRooms ? nothing : html`<header class="unseen"><h1>${words.product}</h1></header>`}
        ${showRooms ? this.#roomsPane() : nothing}
        ${showConversation ? this.#conversationPane() : nothing}
      </div>
      <cc-new-room .app=${this.app}></cc-new-room>
      <cc-add-people .app=${this.app} .roomId=${this.roomId}></cc-add-people>
      <cc-invite .app=${this.app}></cc-invite>
      <cc-profile .app=${this.app}></cc-profile>`;
  }

  #roomsPane() {
    return html`<cc-rooms-pane
      class="pane rooms-pane ${this.#moved === "back" ? "from-start" : ""}"
      .app=${this.app} .updates=${this.updates} .roomId=${this.roomId} .wide=${this.wide}
      .problem=${this.wide ? null : this.#problem()}
    ></cc-rooms-pane>`;
  }

  #conversationPane() {
    if (!this.roomId) return this.#noConversation();
    // One element a room: readers are not told the whole room when another one is opened, and the scroll starts anew.
    return repeat([this.roomId], (id) => id, (id) => html`<cc-conversation
      class="pane ${this.#moved === "forth" ? "from-end" : ""}"
      .app=${this.app} .roomId=${id} .wide=${this.wide} .drafts=${this.#drafts} .problem=${this.#problem()}
    ></cc-conversation>`);
  }

  #noConversation() {
    return html`<main class="pane empty">
      <div class="pane-head"><cc-status .app=${this.app}></cc-status></div>
      ${noticeBar(this.app, this.#problem())}
      <div class="empty-note">
        ${mark()}
        <h2>${words.rooms.welcome(firstName(this.app.me.name))}</h2>
        <p>${words.rooms.waitForRoom}</p>
        <button class="button" @click=${() => this.querySelector("cc-new-room").open()}>
          ${icon("plus")} ${words.rooms.emptyAction}
        </button>
      </div>
    </main>`;
  }

  // Actions

  #choose(roomId) {
    // A room just made may be open already; the dialog that made it gave the focus back to its button.
    if (roomId === this.roomId) return this.querySelector("cc-composer")?.focus();
    this.#moved = "forth";
    if (this.wide || this.roomId) window.history.replaceState({ ...window.history.state, room: roomId }, "");
    else window.history.pushState({ room: roomId, pushed: true }, "");
    this.roomId = roomId;
  }

  #back() {
    this.#moved = "back";
    if (window.history.state?.pushed) window.history.back();
    else {
      window.history.replaceState({ room: null }, "");
      this.roomId = null;
    }
  }

  // Internal

  #resized = () => (this.wide = this.#media.matches);

  #travelled = (event) => {
    this.#moved = event.state?.room ? "forth" : "back";
    this.roomId = event.state?.room ?? null;
  };

  /** What the reader should know now, the first of it. */
  #problem() {
    return this.#problems().find(({ code }) => !this.dismissed.includes(code)) ?? null;
  }

  /** Whether it was put away already or not; that the server is away says the chip. */
  #problems() {
    const { problem, connection } = this.app;
    const away = connection.problem?.code === "unavailable";
    return [problem ?? (away ? null : connection.problem), clockProblem(connection)].filter(Boolean);
  }
}

customElements.define("cc-home", Home);
