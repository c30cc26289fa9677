/**
 * <cc-message-log>: what was said in a room. Stays at the newest message unless the reader scrolled up, and then says
 * how many came meanwhile. The arrow keys walk from message to message.
 * Properties: `app`, `roomId` (fixed for the life of the element).
 */

import { html, nothing, repeat } from "../../vendor/lit.js";
import { AppElement } from "./element.js";
import { emptyTalk } from "./empty_talk.js";
import { firstUnreadOf, rowsOf } from "./grouping.js";
import { icon } from "./icons.js";
import { namesOf, noticeWords } from "./people.js";
import { readersOf, tellSeen } from "./telling.js";
import { times } from "./times.js";
import { words } from "./words.js";
import "./message.js";

// Pixels from the end that still count as reading the newest.
const NEAR_END = 64;
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

class MessageLog extends AppElement {
  static properties = { roomId: { attribute: false }, atEnd: { state: true } };
  static follows = ["messages", "people", "rooms", "signals"];
  // What is shown, taken from the app once for each drawing.
  #messages = [];
  #room = null;
  #firstUnread = null;
  #countAtLeaving = 0; // messages there were when the reader left the end
  #newestOwn = null;
  #lastTop = 0; // where the reader was at the last scroll
  #resizes = new ResizeObserver(() => this.#keepEnd());

  constructor() {
    super();
    this.atEnd = true;
  }

  // Lifecycle

  connectedCallback() {
    super.connectedCallback();
    this.#look();
    this.#firstUnread = firstUnreadOf(this.#messages, this.#room?.unread ?? 0);
    this.#place(this.#firstUnread === null);
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
    this.#look();
    // One's own words are always where one wants to look.
    const newestOwn = this.#messages.findLast((message) => message.own)?.id ?? null;
    if (this.hasUpdated && newestOwn !== this.#newestOwn) this.atEnd = true;
    this.#newestOwn = newestOwn;
  }

  render() {
    const now = Date.now();
    const sameDay = (one, other) => times.sameDay(one, other);
    const rows = rowsOf(this.#messages, { sameDay, firstUnread: this.#firstUnread });
    return html`
      <div
        class="log" role="log" aria-live="polite" aria-label=${words.messages.label} tabindex="0"
        @scroll=${{ handleEvent: () => this.#scrolled(), passive: true }} @keydown=${this.#walk}
      >
        <div class="rows">
          ${rows.some((row) => row.kind === "message") ? nothing : emptyTalk(this.app, this.#room, this.#bringIn)}
          ${repeat(rows, (row) => row.key, (row) => this.#row(row, now))}
        </div>
      </div>
      ${this.atEnd
        ? nothing
        : html`<button class="to-end" @click=${this.#toEnd}>
            ${icon("down")} ${words.messages.fresh(this.#messages.length - this.#countAtLeaving)}
          </button>`}`;
  }

  async firstUpdated() {
    this.#resizes.observe(this.#log);
    this.#resizes.observe(this.querySelector(".rows"));
    if (!this.#firstUnread) return;
    // The reader begins where they stopped, which is known once every message has its height.
    await Promise.all([...this.querySelectorAll("cc-message")].map((message) => message.updateComplete));
    this.querySelector(".unread-row").scrollIntoView({ block: "start" });
    this.#place(this.#distance < NEAR_END);
  }

  updated() {
    this.#keepEnd();
    this.#read();
  }

  // Rows

  #row(row, now) {
    if (row.kind === "day") return html`<h3 class="day-row"><span>${times.day(row.time, now)}</span></h3>`;
    if (row.kind === "unread") return html`<p class="unread-row"><span>${words.messages.unreadFromHere}</span></p>`;
    if (row.kind === "notice") return this.#notice(row.message);
    const { id, seq, status, own } = row.message;
    return html`<cc-message
      tabindex="-1" data-message-id=${id} data-seq=${seq ?? ""} data-status=${status} data-own=${own}
      .message=${row.message} .opens=${row.opens} .closes=${row.closes} .files=${this.app.files}
      .readers=${this.#readersOf(row)}
    ></cc-message>`;
  }

  #notice({ id, seq, status, own, time, notice }) {
    return html`<p class="notice-row" data-message-id=${id} data-seq=${seq ?? ""} data-status=${status} data-own=${own}>
      ${noticeWords(this.app.people, notice)}
      <time datetime=${new Date(time).toISOString()} title=${times.exact(time)}>${times.hour(time)}</time>
    </p>`;
  }

  /** Who has read one's own words: said once, beside the last of a group. */
  #readersOf({ message: { own, seq }, closes }) {
    if (!own || !closes || seq === null) return "";
    return namesOf(this.app.people, readersOf(this.app, this.roomId, seq));
  }

  // Actions

  #bringIn = () => {
    this.dispatchEvent(new CustomEvent("cc-open", { bubbles: true, detail: { dialog: "cc-add-people" } }));
  };

  #toEnd() {
    this.atEnd = true;
    this.#log.focus({ preventScroll: true });
  }

  #scrolled() {
    const { scrollTop } = this.#log;
    const wentUp = scrollTop < this.#lastTop;
    this.#lastTop = scrollTop;
    // A log that has only grown has moved away from the end by itself; only a reader who goes up leaves it.
    if (this.#distance < NEAR_END) this.#place(true);
    else if (wentUp) this.#place(false);
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

  #look() {
    this.#messages = this.app.messages(this.roomId);
    this.#room = this.app.rooms.find((room) => room.id === this.roomId) ?? null;
  }

  get #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight;
  }

  #place(atEnd) {
    if (atEnd === this.atEnd) return;
    this.atEnd = atEnd;
    this.#countAtLeaving = this.#messages.length;
  }

  #keepEnd() {
    if (this.atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** What stands on the screen while somebody looks at it has been read. */
  #read = () => {
    if (!this.atEnd || document.visibilityState !== "visible") return;
    if (this.#room?.unread > 0) this.app.markRead(this.roomId);
    tellSeen(this.app, this.roomId);
  };
}

customElements.define("cc-message-log", MessageLog);
