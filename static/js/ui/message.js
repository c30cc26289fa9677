/**
 * <cc-message>: one message. Its exact time shows when the pointer is over it or it has the focus.
 * Attributes, set by the log: `data-message-id`, `data-seq` (empty while it has none), `data-status`, `data-own`.
 * Properties: `message`, `opens` and `closes` (whether it is the first and the last of its group), `files` (the app's),
 * `readers` (names of those who have read one's own, or empty).
 * Event: "cc-take-back" {text} when it is not to be sent.
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { personTile } from "./face.js";
import { hueOf } from "./faces.js";
import { sameMessage } from "./grouping.js";
import { icon } from "./icons.js";
import { piecesOf } from "./links.js";
import { filesOf, postOf } from "./message_files.js";
import { times } from "./times.js";
import { words } from "./words.js";

class Message extends PageElement {
  static properties = {
    // With a thousand messages in a log, only those that look different are drawn again.
    message: { attribute: false, hasChanged: (next, last) => !sameMessage(next, last) },
    opens: { type: Boolean, reflect: true },
    closes: { type: Boolean, reflect: true },
    files: { attribute: false },
    readers: { attribute: false },
  };

  render() {
    const { message } = this;
    return html`
      ${this.opens ? head(message) : html`<span class="unseen">${authorOf(message)}: </span>`}
      ${!message.own && this.opens ? personTile(message.sender, message.name) : nothing}
      <div class="bubble">
        ${textOf(message)} ${filesOf(message, this.files)}
        ${postOf(message, { retry: () => this.files.retry(message.id), cancel: () => this.#takeBack() })}
      </div>
      ${message.own && !message.post?.code ? stateOf(message.status, this.closes, this.readers) : nothing}
      ${message.doubtful ? html`<p class="doubt small soft">${icon("alert")} ${words.messages.doubtful}</p>` : nothing}
      <time
        class="exact figures" datetime=${new Date(message.time).toISOString()} title=${times.exact(message.time)}
      >${times.second(message.time)}</time>`;
  }

  #takeBack() {
    const { id, text } = this.message;
    // While it is still on the page: what is told bubbles from here.
    this.dispatchEvent(new CustomEvent("cc-take-back", { bubbles: true, detail: { text } }));
    this.files.cancel(id);
  }
}

function head(message) {
  return html`<p class="by">
    <span class=${message.own ? "unseen" : `by-name hue-${hueOf(message.sender)}`}>${authorOf(message)}</span>
    <span class="by-time figures">${times.hour(message.time)}</span>
  </p>`;
}

function textOf(message) {
  if (message.status === "unreadable") return html`<p class="text">${icon("alert")} ${words.messages.unreadable}</p>`;
  if (!message.text && message.files?.length) return nothing;
  return html`<p class="text" dir="auto">${piecesOf(message.text).map(pieceOf)}</p>`;
}

function authorOf(message) {
  return message.own ? words.you : message.name || words.somebody;
}

/** A clock until the server has it, then a tick, then two; a tick once for each group, so the page stays calm. */
function stateOf(status, closes, readers) {
  if (status !== "waiting" && !closes) return nothing;
  if (status !== "waiting" && readers) return readMark(words.signals.readBy(readers));
  const [shape, says] = status === "waiting" ? ["waiting", words.messages.waiting] : ["check", words.messages.sent];
  return html`<span class="state" title=${says}>${icon(shape)}<span class="unseen">${says}</span></span>`;
}

/** Its words are a label: a reader of the screen finds them there, and is not told of every change. */
function readMark(says) {
  return html`<span class="state read" role="img" aria-label=${says} title=${says}>${icon("seen")}</span>`;
}

function pieceOf({ text, href }) {
  return href ? html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}</a>` : text;
}

customElements.define("cc-message", Message);
