// MLS messages to bytes and back, in exactly one way.

import { sameBytes } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { decodeMlsMessage, encodeMlsMessage } from "../../vendor/ts_mls.js";

/** Wire format of the library -> the member of the message that holds its content. */
const CONTENT = Object.freeze({
  mls_private_message: "privateMessage",
  mls_welcome: "welcome",
  mls_group_info: "groupInfo",
  mls_key_package: "keyPackage",
});

/** @param {keyof typeof CONTENT} wireformat @returns {Uint8Array} */
export function encodeMessage(wireformat, content) {
  return encodeMlsMessage({ version: "mls10", wireformat, [CONTENT[wireformat]]: content });
}

/**
 * The content of a message of this wire format.
 * The library ignores trailing bytes and takes long forms of lengths; what does not encode back to itself is refused.
 * Raises: malformed.
 */
export function parseMessage(wireformat, bytes) {
  const message = decodeOrNothing(bytes);
  if (message?.wireformat !== wireformat) throw new Malformed(`not an MLS message of format ${wireformat}`);
  if (!sameBytes(encodeMlsMessage(message), bytes)) throw new Malformed("not the canonical form of an MLS message");
  return message[CONTENT[wireformat]];
}

function decodeOrNothing(bytes) {
  try {
    return decodeMlsMessage(bytes, 0)?.[0];
  } catch {
    return undefined;
  }
}
