/**
 * The inner part of attachment.js: what an attachment may say of itself.
 *
 * Spec: 4.4
 */

import { utf8 } from "../bytes.js";
import { Malformed } from "./errors.js";
import { AttachmentKey } from "./keys.js";
import {
  ATTACHMENT_MIME_MAX_BYTES,
  ATTACHMENT_NAME_MAX_BYTES,
  FILE_MAX_BYTES,
  MAX_ATTACHMENTS,
} from "./limits.js";

// What a name may not have: control characters, path separators, what turns or breaks a line, half a character.
const NOT_IN_NAMES = /[\u0000-\u001f\u007f-\u009f/\\\u2028-\u202e\u2066-\u2069\ud800-\udfff]/u;
const NO_NAMES = ["", ".", ".."];
const MIME = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;
const [ANY_NAME, ANY_MIME] = ["file", "application/octet-stream"];
// An ending that is longer is none.
const ENDING_MAX_BYTES = 16;

/** What the constructor of an Attachment takes. Raises: malformed. */
export function fromMembers(members) {
  const isMap = typeof members === "object" && members !== null && !Array.isArray(members);
  if (!isMap || typeof members.size !== "number") throw new Malformed("attachment without a size");
  for (const name of ["id", "key", "sha256"]) {
    if (!(members[name] instanceof Uint8Array)) throw new Malformed(`attachment without ${name}`);
  }
  for (const name of ["mime", "name"]) {
    if (typeof members[name] !== "string") throw new Malformed(`attachment without ${name}`);
  }
  const { id, size, key, sha256, mime, name } = members;
  return [id, size, AttachmentKey.fromBytes(key), sha256, mime, name];
}

/** Refuses an attachment that nobody would take. */
export function checkAttachment({ id, size, sha256, mime, name }, Refused) {
  if (id.length !== 16 || sha256.length !== 32) throw new Refused("attachment without its id or hash");
  if (!(size >= 0 && size <= FILE_MAX_BYTES)) {
    throw new Refused(`attachment of ${size} bytes, at most ${FILE_MAX_BYTES}`);
  }
  if (!isMime(mime)) throw new Refused("attachment with a media type that is none");
  if (NO_NAMES.includes(name) || NOT_IN_NAMES.test(name) || utf8(name).length > ATTACHMENT_NAME_MAX_BYTES) {
    throw new Refused("attachment with a name that no file may have");
  }
}

/** Refuses what is no list of at most ten, or has one id twice. */
export function checkAttachments(attachments, Refused) {
  if (!Array.isArray(attachments) || attachments.length > MAX_ATTACHMENTS) {
    throw new Refused(`attachments are no list of at most ${MAX_ATTACHMENTS}`);
  }
  const ids = attachments.map((each) => String(each?.id));
  if (new Set(ids).size !== ids.length) throw new Refused("one attachment twice");
}

/**
 * The name as an attachment may have it: what no name may have is replaced by `_`, and what is too long cut before its
 * ending. At most 255 bytes of UTF-8.
 * @param {string} name
 */
export function fittingName(name) {
  const clean = name.replace(/^\ufeff+/, "").replace(new RegExp(NOT_IN_NAMES, "gu"), "_");
  if (NO_NAMES.includes(clean)) return ANY_NAME;
  const dot = clean.lastIndexOf(".");
  const hasEnding = dot > 0 && utf8(clean.slice(dot + 1)).length <= ENDING_MAX_BYTES;
  const tail = hasEnding ? clean.slice(dot) : "";
  return cut(hasEnding ? clean.slice(0, dot) : clean, ATTACHMENT_NAME_MAX_BYTES - utf8(tail).length) + tail;
}

/**
 * The media type as an attachment may have it, in small letters and without parameters; one that does not fit says
 * nothing but that there are bytes.
 * @param {string} mime
 */
export function fittingMime(mime) {
  const plain = mime
    .split(";")[0]
    .replace(/^[ \t]+|[ \t]+$/g, "")
    .toLowerCase();
  return isMime(plain) ? plain : ANY_MIME;
}

function isMime(text) {
  return text.length <= ATTACHMENT_MIME_MAX_BYTES && MIME.test(text);
}

function cut(text, maxBytes) {
  // Only whole characters are written into the room there is.
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(maxBytes)).read);
}
