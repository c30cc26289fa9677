/**
 * <cc-message-log>: what was said in a room. Stays at the newest message unless the reader scrolled up, and then says
 * how many came meanwhile. The arrow keys walk from message to message.
 * Properties: `app`, `roomId` (fixed for the life of the element).
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { firstUnreadOf, rowsOf } from "./grouping.js";
import { icon } from "./icons.js";
import { noticeWords, othersOf } from "./people.js";
import { times } from "./times.js";
import { listWords, words } from "./words.js";
import "./message.js";

// Pixels from the end that still count as reading the newest.
const NEAR_END = 64;
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

class MessageLog extends AppElement {
  static properties = { roomId: { attribute: false }, atEnd: { state: true } };
  static follows = ["messages", "people", "rooms"];
  #firstUnread = null;
  #countAtLeaving = 0; // messages there were when the reader left the end
  #newestOwn = null;
  #resizes = new ResizeObserver(() => this.#keepEnd());

  constructor() {
    super();
    this.atEnd = true;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.#firstUnread = firstUnreadOf(this.app.messages(this.roomId), this.#room?.unread ?? 0);
    document.addEventListener("visibilitychange", this.#read);
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#read);
    this.#resizes.disconnect();
    super.disconnectedCallback();
  }

  appChanged({ roomId }) {
    if (!roomId || roomId === this.roomId) this.requestUpdate();
  }

  willUpdate(changed) {
    super.willUpdate(changed);
    // One's own words are always where one wants to look.
    const newestOwn = this.app.messages(this.roomId).findLast((message) => message.own)?.id ?? null;
    if (this.hasUpdated && newestOwn !== this.#newestOwn) this.atEnd = true;
    this.#newestOwn = newestOwn;
  }

  render() {
    const messages = this.app.messages(this.roomId);
    const now = Date.now();
    const rows = rowsOf(messages, { sameDay: (one, other) => times.sameDay(one, other), firstUnread: this.#firstUnread });
    return html`
      <div
        class="log" role="log" aria-live="polite" aria-label=${words.messages.label} tabindex="0"
        @scroll=${{ handleEvent: () => this.#scrolled(), passive: true }} @keydown=${this.#walk}
      >
        <div class="rows">
          ${rows.some((row) => row.kind === "message") ? nothing : this.#empty()}
          ${repeat(rows, (row) => row.key, (row) => this.#row(row, now))}
        </div>
      </div>
      ${this.atEnd
        ? nothing
        : html`<button class="to-end" @click=${this.#toEnd}>${icon("down")} ${words.messages.fresh(messages.length - this.#countAtLeaving)}</button>`}`;
  }

  firstUpdated() {
    this.#resizes.observe(this.#log);
    this.#resizes.observe(this.querySelector(".rows"));
    this.querySelector(".unread-row")?.scrollIntoView({ block: "start" });
    if (this.#firstUnread) this.#scrolled();
  }

  updated() {
    this.#keepEnd();
    this.#read();
  }

  // Rows

  #row(row, now) {
    if (row.kind === "day") return html`<h3 class="day-row"><span>${times.day(row.time, now)}</span></h3>`;
    if (row.kind === "unread") return html`<p class="unread-row"><span>${words.messages.unreadFromHere}</span></p>`;
    const { message } = row;
    if (row.kind === "notice") {
      return html`<p class="notice-row" data-message-id=${message.id} data-seq=${message.seq ?? ""} data-status="notice" data-own=${message.own}>
        ${noticeWords(this.app.people, message.notice)}
        <time datetime=${new Date(message.time).toISOString()} title=${times.exact(message.time)}>${times.hour(message.time)}</time>
      </p>`;
    }
    return html`<cc-message
      tabindex="-1" data-message-id=${message.id} data-seq=${message.seq ?? ""} data-status=${message.status} data-own=${message.own}
      .message=${message} .opens=${row.opens} .closes=${row.closes}
    ></cc-message>`;
  }

  #empty() {
    const room = this.#room;
    if (room && !room.joined) return html`<p class="empty-note" role="status">${words.conversation.joining}</p>`;
    const others = othersOf(this.app.people, room?.members ?? []).map((person) => person.name);
    return html`<div class="empty-note">
      <h2>${words.conversation.emptyTitle}</h2>
      ${others.length > 0
        ? html`<p>${words.conversation.emptyTogether(listWords(others))}</p>`
        : html`<p>${words.conversation.emptyAlone}</p>
            <button class="button" @click=${this.#bringIn}>${icon("person")} ${words.conversation.bringIn}</button>`}
    </div>`;
  }

  // Actions

  #bringIn() {
    this.dispatchEvent(new CustomEvent("cc-open", { bubbles: true, detail: { dialog: "cc-add-people" } }));
  }

  #toEnd() {
    this.atEnd = true;
    this.#log.focus({ preventScroll: true });
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (atEnd === this.atEnd) return;
    this.atEnd = atEnd;
    this.#countAtLeaving = this.app.messages(this.roomId).length;
  }

  #walk(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...this.querySelectorAll("cc-message")];
    const here = all.indexOf(document.activeElement);
    const next = here < 0 ? all.at(-1) : all[here + step];
    if (!next) return;
    event.preventDefault();
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  // Internal

  get #log() {
    return this.querySelector(".log");
  }

  get #room() {
    return this.app.rooms.find((room) => room.id === this.roomId);
  }

  #keepEnd() {
    if (this.atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** What stands on the screen while somebody looks at it has been read. */
  #read = () => {
    if (this.atEnd && document.visibilityState === "visible" && this.#room?.unread > 0) this.app.markRead(this.roomId);
  };
}

customElements.define("cc-message-log", MessageLog);
