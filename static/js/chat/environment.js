// What the app takes from the browser, in one place, so that a test can put something else there.

import { fetchBytes, keptBytes } from "../net/http.js";
import { CONNECTION_FILE_MAX_BYTES } from "../protocol/limits.js";
import { FILE_NAME } from "../protocol/places.js";

/**
 * @typedef {object} Environment
 * @property {History | undefined} history
 * @property {LockManager | undefined} locks
 * @property {Function} fetchBytes
 * @property {() => Promise<{file: Uint8Array, mirror: string} | null>} keptFile the last connection file that came
 *   from the front door to any of our pages, as the service worker keeps it
 * @property {Function | undefined} openWire in place of a WebSocket
 * @property {(() => number) | undefined} random a share of a whole, for pauses
 * @property {number | undefined} lookEveryMs how often rooms are looked after, when not every few seconds
 * @property {string | undefined} region whose ports we take first, when the server names any
 * @property {() => Promise<boolean>} persist asks the browser to keep our data
 * @property {(listener: () => void) => void} onOnline
 * @property {() => boolean} isOnline what the browser says
 * @property {() => boolean} isSecure whether it keeps keys for this page
 */

/** @returns {Environment} */
export function browserEnvironment() {
  return {
    history: globalThis.history,
    locks: globalThis.navigator?.locks,
    fetchBytes,
    keptFile,
    openWire: undefined,
    random: undefined,
    lookEveryMs: undefined,
    region: undefined,
    persist: async () => globalThis.navigator?.storage?.persist?.() ?? false,
    onOnline: (listener) => globalThis.addEventListener?.("online", listener),
    isOnline: () => globalThis.navigator?.onLine ?? true,
    isSecure: () => globalThis.isSecureContext ?? true,
  };
}

async function keptFile() {
  // Without a worker in place the question would go to the browser's own cache, which keeps none.
  if (!globalThis.navigator?.serviceWorker?.controller) return null;
  const file = await keptBytes(`/${FILE_NAME}`, { maxBytes: CONNECTION_FILE_MAX_BYTES });
  return file && { file, mirror: new URL(FILE_NAME, `${globalThis.location.origin}/`).href };
}
