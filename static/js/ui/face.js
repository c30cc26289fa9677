/** The round tile of a person and the square one of a room. */

import { html } from "../../vendor/lit.js";
import { hueOf, initials } from "./faces.js";

/** @param {string} id @param {string} name */
export function personTile(id, name) {
  return html`<span class="tile person hue-${hueOf(id)}" aria-hidden="true">${initials(name)}</span>`;
}

/** @param {string} id @param {string} name */
export function roomTile(id, name) {
  return html`<span class="tile hue-${hueOf(id)}" aria-hidden="true">${initials(name).slice(0, 2)}</span>`;
}
