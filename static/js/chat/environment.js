// What the app takes from the browser, in one place, so that a test can put something else there.

import { fetchBytes } from "../net/http.js";

/**
 * @typedef {object} Environment
 * @property {History | undefined} history
 * @property {LockManager | undefined} locks
 * @property {Function} fetchBytes
 * @property {Function | undefined} openWire in place of a WebSocket
 * @property {(() => number) | undefined} random a share of a whole, for pauses
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
    openWire: undefined,
    random: undefined,
    region: undefined,
    persist: async () => globalThis.navigator?.storage?.persist?.() ?? false,
    onOnline: (listener) => globalThis.addEventListener?.("online", listener),
    isOnline: () => globalThis.navigator?.onLine ?? true,
    isSecure: () => globalThis.isSecureContext ?? true,
  };
}
