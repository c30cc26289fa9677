/** What stands in a room where nobody has written yet. */

import { html } from "../../vendor/lit.js";
import { icon } from "./icons.js";
import { namesOf } from "./people.js";
import { words } from "./words.js";

/** @param {object} app @param {object | null} room @param {() => void} bringIn opens the way to add somebody */
export function emptyTalk(app, room, bringIn) {
  if (room && !room.joined && !room.problem) {
    return html`<p class="empty-note" role="status">${words.conversation.joining}</p>`;
  }
  const others = (room?.members ?? []).filter((userId) => userId !== app.me.userId);
  return html`<div class="empty-note">
    <h2>${words.conversation.emptyTitle}</h2>
    ${others.length > 0
      ? html`<p>${words.conversation.emptyTogether(namesOf(app.people, others))}</p>`
      : html`<p>${words.conversation.emptyAlone}</p>
          <button class="button" @click=${bringIn}>${icon("person")} ${words.conversation.bringIn}</button>`}
  </div>`;
}
