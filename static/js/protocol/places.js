/**
 * Where a server's published objects can lie: plain web addresses, and public MEGA folders.
 *
 * One strict grammar for both languages, because their URL libraries read odd addresses differently.
 * Spec: 3.16
 */

import { secretFields } from "./_secret_fields.js";
import { parseBase64url } from "./encoding.js";

export const FILE_NAME = "connection.json";
export const LIST_NAME = "revocations.json";
// How many a reader asks side by side.
export const MAX_PLACES = 16;
export const PLACE_MAX_CHARACTERS = 2048;
export const MEGA_GATEWAY = "https://g.api.mega.co.nz/cs";
export const MEGA_HOST = "mega.nz";
// This very machine, by its three names: as a host, and as they stand in a URL.
export const LOOPBACK_NAMES = Object.freeze(["localhost", "127.0.0.1", "::1"]);
export const LOOPBACK_HOSTS = Object.freeze(["localhost", "127.0.0.1", "[::1]"]);
// Scheme, host, port, and the rest up to a fragment. No user, no spaces, nothing outside ASCII.
const URL_PARTS = new RegExp(
  "^(https?)://([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\\[[0-9A-Fa-f:]{2,39}\\])(?::([0-9]{1,5}))?" +
    "((?:/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?(?:\\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?)(?:#(.*))?$",
);
const FOLDER = /^\/folder\/([A-Za-z0-9_-]{8})$/;
const KEY_CHARACTERS = 22;
const GROUP = /^[0-9a-f]{1,4}$/;
const GROUPS = 8;

/** A connection file at a plain URL. Show people its `host`: the rest may be meant for few. */
export class WebPlace extends secretFields("url") {
  /** The URL's host, with its port when it names one. */
  get host() {
    return this.url.split("/")[2].split("?")[0].toLowerCase();
  }

  /** The URL of the object of this name that lies beside the file. @param {string} name @returns {string} */
  beside(name) {
    const mark = this.url.indexOf("?");
    const [address, query] = mark < 0 ? [this.url, ""] : [this.url.slice(0, mark), this.url.slice(mark)];
    const end = address.lastIndexOf("/");
    return `${end < "https://".length ? address : address.slice(0, end)}/${name}${query}`;
  }
}

/**
 * A public folder at MEGA with the file in it. Sizes: handle 8 characters, key 16 bytes.
 *
 * The gateway is the URL of the interface to ask: MEGA's, or a server's on this very machine.
 */
export class MegaFolder extends secretFields("handle", "key", "gateway") {
  /** @param {string} handle @param {Uint8Array} key @param {string} [gateway] */
  constructor(handle, key, gateway = MEGA_GATEWAY) {
    super(handle, key, gateway);
  }

  /** What people are shown. */
  get host() {
    return this.gateway === MEGA_GATEWAY ? MEGA_HOST : this.gateway.split("/")[2];
  }
}

/**
 * The place this URL names, or null: what is neither kind is passed over.
 *
 * Spec: 3.16
 * @param {string} url @returns {WebPlace | MegaFolder | null}
 */
export function parsePlace(url) {
  const found = url.length <= PLACE_MAX_CHARACTERS ? URL_PARTS.exec(url) : null;
  if (found === null) return null;
  const [, scheme, givenHost, port, rest, fragment] = found;
  const host = givenHost.toLowerCase();
  if (scheme === "http" && !LOOPBACK_HOSTS.includes(host)) return null;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  if (host.startsWith("[") && !isIpv6(host.slice(1, -1))) return null;
  const isMega = host === MEGA_HOST && port === undefined;
  const handle = FOLDER.exec(rest)?.[1];
  if (handle !== undefined && fragment !== undefined && (isMega || LOOPBACK_HOSTS.includes(host))) {
    const gateway = isMega ? MEGA_GATEWAY : `${scheme}://${host}${port === undefined ? "" : `:${port}`}/cs`;
    const key = folderKey(fragment);
    return key && new MegaFolder(handle, key, gateway);
  }
  return host === MEGA_HOST || fragment !== undefined ? null : new WebPlace(url);
}

/** Whether URL libraries take it as an address: eight groups, or fewer around one gap. */
function isIpv6(text) {
  const parts = text.split("::");
  const groups = parts.filter((part) => part !== "").flatMap((part) => part.split(":"));
  const isLongEnough = parts.length === 1 ? groups.length === GROUPS : parts.length === 2 && groups.length < GROUPS;
  return isLongEnough && groups.every((group) => GROUP.test(group));
}

function folderKey(fragment) {
  if (fragment.length !== KEY_CHARACTERS) return null;
  try {
    return parseBase64url(fragment);
  } catch {
    return null;
  }
}
