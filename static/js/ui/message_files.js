/** The files of a message, and what can be done while it waits for them. */

import { html, nothing } from "../../vendor/lit.js";
import "./file_card.js";
import { icon } from "./icons.js";
import { problemFor } from "./problems.js";
import { words } from "./words.js";

/** @param {import("./grouping.js").Message} message @param {object} files the app's */
export function filesOf(message, files) {
  if (!message.files?.length) return nothing;
  return html`<ul class="files">
    ${message.files.map((file) => html`<li>
      <cc-file .files=${files} .roomId=${message.roomId} .file=${file} ?sending=${Boolean(message.post)}></cc-file>
    </li>`)}
  </ul>`;
}

/**
 * What keeps it back, and the ways to go on.
 * @param {import("./grouping.js").Message} message
 * @param {{retry: () => void, cancel: () => void}} ways
 */
export function postOf({ post }, { retry, cancel }) {
  if (!post) return nothing;
  const { again, remove } = words.files;
  if (!post.code) {
    return html`<p class="post"><button class="button plain" type="button" @click=${cancel}>${words.cancel}</button></p>`;
  }
  const { title, text } = problemFor(post.code);
  return html`<div class="post stopped" role="alert">
    <p class="small">${icon("alert")} <span><strong>${title}.</strong> ${text}</span></p>
    ${post.isBroken ? nothing : html`<button class="button" type="button" @click=${retry}>${again}</button>`}
    <button class="button plain" type="button" @click=${cancel}>${remove}</button>
  </div>`;
}
