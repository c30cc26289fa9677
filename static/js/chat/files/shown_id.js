// What the screens call a file that a message shows.

import { toHex } from "../../bytes.js";

/**
 * Its id at the server is its sender's to choose, and two messages may show one id and mean two files: what was opened
 * for one must never stand under the other. So its hash is part of the name.
 * @param {{id: Uint8Array, sha256: Uint8Array}} attachment @returns {string}
 */
export function shownId({ id, sha256 }) {
  return `${toHex(id)}.${toHex(sha256)}`;
}
