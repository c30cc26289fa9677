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
      ${this.opens ? this.#head() : html`<span class="unseen">${message.own ? words.you : message.name}: </span>`}
      ${!message.own && this.opens ? personTile(message.sender, message.name) : nothing}
      <div class="bubble">
        ${message.status === "unreadable"
          ? html`<p class="text">${icon("alert")} ${words.messages.unreadable}</p>`
          : html`<p class="text" dir="auto">${piecesOf(message.text).map(piece)}</p>`}
      </div>
      <span class="aside">
        <time class="exact figures" datetime=${new Date(message.time).toISOString()} title=${times.exact(message.time)}>${times.second(message.time)}</time>
        ${message.own ? state(message.status, this.closes) : nothing}
      </span>`;
  }

  #head() {
    const { message } = this;
    return html`<p class="by">
      <span class=${message.own ? "unseen" : `by-name hue-${hueOf(message.sender)}`}>${message.own ? words.you : message.name}</span>
      <span class="by-time figures">${times.hour(message.time)}</span>
    </p>`;
  }
}

/** A clock until the server has it, then a tick; the tick once for each group, so the page stays calm. */
function state(status, closes) {
  if (status === "waiting") return html`<span class="state" title=${words.messages.waiting}>${icon("waiting")}<span class="unseen">${words.messages.waiting}</span></span>`;
  if (!closes) return nothing;
  return html`<span class="state" title=${words.messages.sent}>${icon("check")}<span class="unseen">${words.messages.sent}</span></span>`;
}

function piece({ text, href }) {
  return href ? html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}</a>` : text;
}

customElements.define("cc-message", Message);
