/** What the screens tell the others of a room in passing, and show of them, unless the reader would rather not. */

import { preferences } from "./preferences.js";

/** Something was typed. @param {object} app @param {string} roomId @param {string} text as it is now */
export function tellTyping(app, roomId, text) {
  if (text.trim() && isShown()) app.signals?.typing(roomId);
}

/** The newest message is on the screen, and somebody looks at it. */
export function tellSeen(app, roomId) {
  if (isShown()) app.signals?.seen(roomId);
}

/** Who is writing there. @param {object} app @param {string} roomId @returns {string[]} user ids (hex) */
export function writersIn(app, roomId) {
  return isShown() ? (app.signals?.writers(roomId) ?? []) : [];
}

/** Who has read a row. @returns {string[]} user ids (hex) */
export function readersOf(app, roomId, seq) {
  return isShown() ? (app.signals?.readers(roomId, seq) ?? []) : [];
}

/** The reader chose anew: what stands on the screens is drawn by that. */
export function tellChosen(app) {
  app.dispatchEvent(new CustomEvent("change", { detail: { what: "signals" } }));
}

function isShown() {
  return preferences.get("signals") === "on";
}
