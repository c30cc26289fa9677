/** What the screens tell the others of a room in passing, unless the reader would rather not. */

import { preferences } from "./preferences.js";

/** Something was typed. @param {object} app @param {string} roomId @param {string} text as it is now */
export function tellTyping(app, roomId, text) {
  if (text.trim() && isShown()) app.signals?.typing(roomId);
}

/** The newest message is on the screen, and somebody looks at it. */
export function tellSeen(app, roomId) {
  if (isShown()) app.signals?.seen(roomId);
}

function isShown() {
  return preferences.get("signals") === "on";
}
