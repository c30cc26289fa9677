/**
 * <cc-message>: one message. Its exact time shows when the pointer is over it or it has the focus.
 * Attributes, set by the log: `data-message-id`, `data-seq` (empty while it has none), `data-status`, `data-own`.
 * Properties: `message`, `opens` and `closes` (whether it is the first and the last of its group).
 */

import { html, nothing } from "../../vendor/lit.js";
import { PageElement } from "./element.js";
import { personTile } from "./face.js";
import { hueOf } from "./faces.js";
import { sameMessage } from "./grouping.js";
import { icon } from "./icons.js";
import { piecesOf } from "./links.js";
import { times } from "./times.js";
import { words } from "./words.js";

class Message extends PageElement {
  static properties = {
    // With a thousand messages in a log, only those that look different are drawn again.
    message: { attribute: false, hasChanged: (next, last) => !sameMessage(next, last) },
    opens: { type: Boolean, reflect: true },
    closes: { type: Boolean, reflect: true },
  };

  render() {
    const { message } = this;
    return html`
      ${this.opens ? head(message) : html`<span class="unseen">${authorOf(message)}: </span>`}
      ${!message.own && this.opens ? personTile(message.sender, message.name) : nothing}
      <div class="bubble">${textOf(message)}</div>
      ${message.own ? stateOf(message.status, this.closes) : nothing}
      ${message.doubtful ? html`<p class="doubt small soft">${icon("alert")} ${words.messages.doubtful}</p>` : nothing}
      <time
        class="exact figures" datetime=${new Date(message.time).toISOString()} title=${times.exact(message.time)}
      >${times.second(message.time)}</time>`;
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
  return html`<p class="text" dir="auto">${piecesOf(message.text).map(pieceOf)}</p>`;
}

function authorOf(message) {
  return message.own ? words.you : message.name || words.somebody;
}

/** A clock until the server has it, then a tick; the tick once for each group, so the page stays calm. */
function stateOf(status, closes) {
  if (status !== "waiting" && !closes) return nothing;
  const [shape, says] = status === "waiting" ? ["waiting", words.messages.waiting] : ["check", words.messages.sent];
  return html`<span class="state" title=${says}>${icon(shape)}<span class="unseen">${says}</span></span>`;
}

function pieceOf({ text, href }) {
  return href ? html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}</a>` : text;
}

customElements.define("cc-message", Message);
