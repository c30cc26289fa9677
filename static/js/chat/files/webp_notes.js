// Leaving out of a WebP what does not belong to the picture: the notes of camera and programs, chunks that nobody
// knows, and whatever stands behind its end.

import { concat } from "../../bytes.js";
import { KeptParts } from "./kept_parts.js";
import { letters, says } from "./letters.js";
import { orientationAlone } from "./orientation.js";

/** "RIFF", the length of all that follows, "WEBP"; then chunks of a type, a length, and an even number of bytes. */
const [FILE_HEAD_BYTES, HEAD_BYTES] = [12, 8];
const [CANVAS, EXIF] = ["VP8X", "EXIF"];
const LOOKS = new Set([CANVAS, "ICCP", "ANIM", "ANMF", "ALPH", "VP8 ", "VP8L"]);
/** Some programs write it before the notes, as it stands in a JPEG. */
const EXIF_AS_IN_JPEG = "Exif\0\0";
/** Bits in the first byte of the canvas: which notes follow. */
const [HAS_XMP, HAS_EXIF] = [0x04, 0x08];

export const isWebp = (head) => says(head, 0, "RIFF") && says(head, 8, "WEBP");

/**
 * The picture without them; null when there is nothing to leave out.
 * @param {Uint8Array} data @returns {Uint8Array[] | null} Raises: RangeError (it ends before it should).
 */
export function webpAlone(data) {
  const chunks = chunksOf(data);
  const exif = chunks.find(({ type }) => type === EXIF);
  const upright = exif ? orientationOfChunk(data.subarray(exif.start + HEAD_BYTES, exif.end)) : null;
  const bodies = chunks.flatMap((chunk) => {
    const { type, start, end } = chunk;
    if (chunk === exif && upright) return [{ ...chunk, bytes: chunkOf(EXIF, upright) }];
    if (!LOOKS.has(type)) return [];
    const bytes = data.subarray(start, end);
    return [{ ...chunk, bytes: type === CANVAS ? canvasOf(bytes, upright !== null) : bytes }];
  });
  const length = bodies.reduce((sum, { bytes }) => sum + bytes.length, FILE_HEAD_BYTES - HEAD_BYTES);
  const parts = new KeptParts(data);
  parts.replace(0, FILE_HEAD_BYTES, concat(letters("RIFF"), lengthOf(length), letters("WEBP")));
  for (const { start, end, bytes } of bodies) parts.replace(start, end, bytes);
  return parts.news;
}

function chunksOf(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const whole = HEAD_BYTES + view.getUint32(4, true);
  if (whole > data.length) throw new RangeError("a file that is cut off");
  const chunks = [];
  for (let at = FILE_HEAD_BYTES; at < whole; at = chunks.at(-1).end) {
    const size = view.getUint32(at + 4, true);
    const end = at + HEAD_BYTES + size + (size % 2);
    if (end > whole) throw new RangeError("a chunk beyond the end");
    chunks.push({ type: String.fromCharCode(...data.subarray(at, at + 4)), start: at, end });
  }
  return chunks;
}

function orientationOfChunk(body) {
  return orientationAlone(says(body, 0, EXIF_AS_IN_JPEG) ? body.subarray(EXIF_AS_IN_JPEG.length) : body);
}

function canvasOf(chunk, hasExif) {
  const flags = chunk[HEAD_BYTES] & ~HAS_XMP & ~HAS_EXIF;
  return chunk.with(HEAD_BYTES, hasExif ? flags | HAS_EXIF : flags);
}

/** @param {Uint8Array} body of an even length */
function chunkOf(type, body) {
  return concat(letters(type), lengthOf(body.length), body);
}

function lengthOf(length) {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, length, true);
  return new Uint8Array(view.buffer);
}
