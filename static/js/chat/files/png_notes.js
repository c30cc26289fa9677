// Leaving out of a PNG what does not belong to the picture: notes in words, the notes of a camera, times, and whatever
// stands behind its end.

import { concat } from "../../bytes.js";
import { KeptParts } from "./kept_parts.js";
import { letters, says } from "./letters.js";
import { orientationAlone } from "./orientation.js";

const SIGNATURE = "\x89PNG\r\n\x1a\n";
/** Chunks that a decoder may pass over and that say how the picture looks or moves; all others of that kind go. */
const LOOKS = new Set([
  "acTL", "fcTL", "fdAT", "bKGD", "cHRM", "cICP", "cLLI", "gAMA", "hIST", "iCCP", "mDCV", "pHYs", "sBIT", "sPLT", "sRGB", "tRNS",
]);
const EXIF = "eXIf";
/** Length and type before what a chunk holds, a checksum behind it. */
const [HEAD_BYTES, CHECKSUM_BYTES] = [8, 4];
const CRC_POLYNOMIAL = 0xedb88320;

export const isPng = (head) => says(head, 0, SIGNATURE);

/**
 * The picture without them; null when there is nothing to leave out.
 * @param {Uint8Array} data @returns {Uint8Array[] | null} Raises: RangeError (it ends before it should).
 */
export function pngAlone(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const parts = new KeptParts(data);
  parts.keep(0, SIGNATURE.length);
  for (let [at, type] = [SIGNATURE.length, ""]; type !== "IEND"; ) {
    const [start, end] = [at, at + HEAD_BYTES + view.getUint32(at) + CHECKSUM_BYTES];
    if (end > data.length) throw new RangeError("a chunk beyond the end");
    type = String.fromCharCode(...data.subarray(start + 4, start + HEAD_BYTES));
    const exif = type === EXIF ? orientationAlone(data.subarray(start + HEAD_BYTES, end - CHECKSUM_BYTES)) : null;
    if (exif) parts.replace(start, end, chunkOf(EXIF, exif));
    else if (isCritical(type) || LOOKS.has(type)) parts.keep(start, end);
    at = end;
  }
  return parts.news;
}

/** Without such a chunk there is no picture: the first letter of its type is a capital. */
function isCritical(type) {
  return type[0] >= "A" && type[0] <= "Z";
}

function chunkOf(type, body) {
  const named = concat(letters(type), body);
  const ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, body.length);
  ends.setUint32(4, crc32(named));
  const [length, checksum] = [new Uint8Array(ends.buffer, 0, 4), new Uint8Array(ends.buffer, 4)];
  return concat(length, named, checksum);
}

/** Of a few bytes: a table would not pay. */
function crc32(data) {
  let crc = 0xffffffff;
  for (const octet of data) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ CRC_POLYNOMIAL : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
