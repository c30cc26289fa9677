/**
 * Names that belong to a key: what people compare, and a server's id.
 *
 * Spec: 1
 */

import { toHex } from "../bytes.js";
import { sha256 } from "./primitives.js";

/** The first 16 bytes of the key's SHA-256 as eight groups of four hex digits, for people to compare. */
export function fingerprint(publicKey) {
  return toHex(sha256(publicKey.bytes).subarray(0, 16)).match(/.{4}/g).join(" ");
}

/** `cc-` and the UUID version 8 made of the identity's SHA-256: nobody can claim it without the key. 39 characters. */
export function serverId(serverPublic) {
  const value = sha256(serverPublic.bytes).slice(0, 16);
  value[6] = 0x80 | (value[6] & 0x0f);
  value[8] = 0x80 | (value[8] & 0x3f);
  return `cc-${toHex(value).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}`;
}
