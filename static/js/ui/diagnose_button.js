/** The way to "Why can't I connect?" from wherever a connection is in question. Event: "cc-diagnose". */

import { html, nothing } from "../../vendor/lit.js";
import { words } from "./words.js";

/** Problems that lie somewhere between here and the server. */
const ABOUT_THE_WAY = new Set([
  "unavailable", "refused", "unauthentic", "unknown_peer", "identity_replaced", "not_yet_valid", "expired", "replayed",
  "forked", "malformed", "rediscover", "limit", "too_fast", "unsupported_version", "internal", "not_there",
]);

/**
 * A button that asks for the dialog, where it can help.
 * @param {string | null} code of the problem beside it, or null where there is none
 * @param {string} [label]
 */
export function diagnoseButton(code, label = words.diagnosis.title) {
  if (code !== null && !ABOUT_THE_WAY.has(code)) return nothing;
  return html`<button class="button plain" type="button" @click=${ask}>${label}</button>`;
}

function ask(event) {
  event.target.dispatchEvent(new CustomEvent("cc-diagnose", { bubbles: true }));
}
