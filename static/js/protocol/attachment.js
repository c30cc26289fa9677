/**
 * Files beside a message: sealed in chunks under a key of their own, and how a message shows them.
 *
 * Spec: 3.18, 4.4
 */

import { concat, utf8 } from "../bytes.js";
import { checkAttachment, checkAttachments, fromMembers } from "./_attachment_members.js";
import { FileChunk } from "./bodies.js";
import { u8, u32 } from "./encoding.js";
import { Malformed, TooLarge, Unauthentic, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { ATTACHMENT_CHUNK_BYTES, ATTACHMENT_MIN_BYTES, FILE_CHUNK_BYTES, FILE_MAX_BYTES } from "./limits.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual, NONCE_BYTES, Sha256, TAG_BYTES } from "./primitives.js";

export { fittingMime, fittingName } from "./_attachment_members.js";

/** A file as a message shows it; `sha256` is of the whole ciphertext. Units: size in bytes, before padding. */
export class Attachment {
  /**
   * @param {Uint8Array} id @param {number} size @param {import("./keys.js").AttachmentKey} key
   * @param {Uint8Array} sha256 @param {string} mime @param {string} name
   */
  constructor(id, size, key, sha256, mime, name) {
    Object.assign(this, { id, size, key, sha256, mime, name });
    Object.freeze(this);
  }

  /** The map in a payload. Raises: usage (a name, type or size that nobody would take). */
  toMembers() {
    checkAttachment(this, UsageError);
    const { id, size, key, sha256, mime, name } = this;
    return { id, size, key: key.bytes, sha256, mime, name };
  }

  /** The attachment that a map in a payload describes. Raises: malformed (also for a name that no file may have). */
  static fromMembers(members) {
    const found = new Attachment(...fromMembers(members));
    checkAttachment(found, Malformed);
    return found;
  }
}

/**
 * The member `attachments` of a payload. Raises: usage (more than ten, one twice, or what `toMembers` refuses).
 * @param {readonly Attachment[]} attachments
 */
export function encodeAttachments(attachments) {
  checkAttachments(attachments, UsageError);
  return attachments.map((each) => each.toMembers());
}

/**
 * What the member `attachments` of a payload shows; a payload without it (null, undefined) shows nothing.
 * Raises: malformed.
 * @param {unknown} value @returns {Attachment[]}
 */
export function parseAttachments(value) {
  if (value === undefined || value === null) return [];
  checkAttachments(value, Malformed);
  const found = value.map((members) => Attachment.fromMembers(members));
  checkAttachments(found, Malformed);
  return found;
}

/** How long a file of so many bytes becomes: the next 2^k or 1.5 x 2^k, at least 4,096. Raises: too_large (2^30). */
export function paddedSize(size) {
  if (size > FILE_MAX_BYTES) throw new TooLarge(`a file of ${size} bytes, at most ${FILE_MAX_BYTES}`);
  let power = ATTACHMENT_MIN_BYTES;
  while (power < size) {
    if (size <= power * 1.5) return power * 1.5;
    power *= 2;
  }
  return power;
}

/** In how many chunks a file of so many bytes is sealed. Raises: too_large. */
export function chunkCount(size) {
  return Math.ceil(paddedSize(size) / ATTACHMENT_CHUNK_BYTES);
}

/** The bytes of all chunks of a file of so many bytes, tags included: what the server counts. Raises: too_large. */
export function sealedSize(size) {
  return paddedSize(size) + TAG_BYTES * chunkCount(size);
}

/**
 * The sealed chunks of a file, in order; `digest` takes in their bytes, for `Attachment.sha256`.
 *
 * The plaintext may come in pieces of any length, `size` bytes together. The key was drawn for this one run: whoever
 * reads the source again draws another, because it may have changed. What was sealed may be sent again at will.
 * Nonce: the chunk's index; the key never seals another file. Never more than a chunk and a piece are held.
 * Raises: too_large; usage (more or fewer bytes than `size`).
 * @param {Iterable<Uint8Array> | AsyncIterable<Uint8Array>} plaintext @param {Uint8Array} fileId 16 bytes
 * @param {import("./keys.js").AttachmentKey} key @param {number} size @param {Sha256} digest
 * @returns {AsyncGenerator<FileChunk>}
 */
export async function* sealAttachment(plaintext, fileId, key, size, digest) {
  const [ready, last] = [await aeadKey(key.bytes), chunkCount(size) - 1];
  let index = 0;
  for await (const padded of paddedChunks(plaintext, size)) {
    const isLast = index === last;
    const data = await aeadSeal(ready, nonceOf(index), padded, associatedData(fileId, index, isLast));
    digest.update(data);
    yield new FileChunk(fileId, index, isLast, data);
    index += 1;
  }
}

/**
 * The plaintext in pieces, from the chunks in order. It is the file's only when the last piece was followed by the end:
 * whoever shows or stores under a name what came before an error has been deceived.
 *
 * Raises: malformed (a chunk of another file, out of its place or of another size; too few or too many; padding that is
 * no zeros); unauthentic (a chunk that does not open, or another hash); too_large.
 * @param {Attachment} attachment @param {Iterable<FileChunk> | AsyncIterable<FileChunk>} chunks
 * @returns {AsyncGenerator<Uint8Array>}
 */
export async function* openAttachment(attachment, chunks) {
  const [ready, digest] = [await aeadKey(attachment.key.bytes), new Sha256()];
  const count = chunkCount(attachment.size);
  let [opened, left] = [0, attachment.size];
  for await (const chunk of chunks) {
    checkPlace(chunk, attachment, opened, count);
    digest.update(chunk.data);
    const data = associatedData(chunk.fileId, opened, chunk.isLast);
    const piece = await aeadOpen(ready, nonceOf(opened), chunk.data, data);
    const shown = piece.subarray(0, left);
    if (piece.subarray(left).some((octet) => octet !== 0)) throw new Malformed("padding that is no zeros");
    opened += 1;
    left -= shown.length;
    if (shown.length > 0) yield shown;
  }
  if (opened !== count) throw new Malformed(`${opened} chunks, expected ${count}`);
  if (!constantTimeEqual(digest.digest(), attachment.sha256)) throw new Unauthentic("a file with another hash");
}

function checkPlace(chunk, attachment, index, count) {
  if (index >= count) throw new Malformed(`data behind the last of ${count} chunks`);
  const isLast = index === count - 1;
  const isOther = !constantTimeEqual(chunk.fileId, attachment.id) || chunk.index !== index || chunk.isLast !== isLast;
  if (isOther) throw new Malformed(`another chunk than ${index} of ${count}`);
  const size = isLast ? sealedSize(attachment.size) - (count - 1) * FILE_CHUNK_BYTES : FILE_CHUNK_BYTES;
  if (chunk.data.length !== size) throw new Malformed(`chunk ${index} of ${chunk.data.length} bytes`);
}

/** Pieces of 65,536 bytes, the last one shorter where the padded file is no multiple of it. */
async function* paddedChunks(plaintext, size) {
  let [left, held] = [size, new Uint8Array()];
  for await (const piece of plaintext) {
    left -= piece.length;
    if (left < 0) throw new UsageError(`more than the ${size} bytes of the file`);
    held = concat(held, piece);
    for (; held.length >= ATTACHMENT_CHUNK_BYTES; held = held.subarray(ATTACHMENT_CHUNK_BYTES)) {
      yield held.slice(0, ATTACHMENT_CHUNK_BYTES);
    }
  }
  if (left > 0) throw new UsageError(`${left} bytes fewer than the ${size} of the file`);
  const end = paddedSize(size) - (size - held.length);
  for (let offset = 0; offset < end; offset += ATTACHMENT_CHUNK_BYTES) {
    const padded = new Uint8Array(Math.min(ATTACHMENT_CHUNK_BYTES, end - offset));
    padded.set(held.subarray(offset));
    yield padded;
  }
}

function nonceOf(index) {
  return concat(new Uint8Array(NONCE_BYTES - 4), u32(index));
}

function associatedData(fileId, index, isLast) {
  return concat(utf8(PREFIXES.blob), fileId, u32(index), u8(isLast ? 1 : 0));
}
