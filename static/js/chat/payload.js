// What members tell each other inside an application message: a CBOR map with a type.
//
// Spec: 4.4, 4.11

import { utf8 } from "../bytes.js";
import { encodeAttachments, parseAttachments } from "../protocol/attachment.js";
import { encodeCbor, parseCbor } from "../protocol/encoding.js";
import { Malformed } from "../protocol/errors.js";

/** A text that fills a few screens; what is longer is a file. */
export const TEXT_MAX_BYTES = 16_384;
export const ROOM_NAME_MAX_BYTES = 128;

/**
 * @param {string} text may be empty when there are attachments
 * @param {number} now ms
 * @param {import("../protocol/attachment.js").Attachment[]} [attachments] @returns {Uint8Array}
 */
export function encodeText(text, now, attachments = []) {
  const beside = attachments.length > 0 ? { attachments: encodeAttachments(attachments) } : {};
  return encodeCbor({ type: "text", body: text, client_time: now, ...beside });
}

/** The room's name, which the server never sees; whoever adds somebody repeats it. */
export function encodeProfile(name, now) {
  return encodeCbor({ type: "profile", body: { name }, client_time: now });
}

/**
 * @returns {{type: "text", text: string, attachments: import("../protocol/attachment.js").Attachment[]} |
 *   {type: "profile", name: string} | {type: "unknown"}} the last is for what later versions send
 * Raises: malformed.
 */
export function parsePayload(bytes) {
  const payload = parseCbor(bytes);
  if (typeof payload?.type !== "string") throw new Malformed("a payload without a type");
  const { type, body, attachments } = payload;
  if (type === "text") {
    return { type, text: requireText(body, TEXT_MAX_BYTES), attachments: parseAttachments(attachments) };
  }
  if (type === "profile") return { type, name: requireText(body?.name, ROOM_NAME_MAX_BYTES) };
  return { type: "unknown" };
}

function requireText(value, maxBytes) {
  if (typeof value !== "string" || utf8(value).length > maxBytes) throw new Malformed("a text");
  return value;
}
