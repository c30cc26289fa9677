// Leaving out of a JPEG what does not belong to the picture: the notes of camera and programs, small copies of it, and
// whatever stands behind its end, where telephones put films and further pictures with notes of their own.

import { concat } from "../../bytes.js";
import { KeptParts } from "./kept_parts.js";
import { letters, says } from "./letters.js";
import { orientationAlone } from "./orientation.js";

const [END, SCAN, APP0, APP1, APP2, APP14, APP15, COMMENT] = [0xd9, 0xda, 0xe0, 0xe1, 0xe2, 0xee, 0xef, 0xfe];
const [EXIF, JFIF, COLOURS, ADOBE] = ["Exif\0\0", "JFIF\0", "ICC_PROFILE\0", "Adobe"];
/** A marker and the length that follows it. */
const HEAD_BYTES = 4;
/** What a decoder reads of these two, behind the head; a small copy of the picture may follow the first. */
const [JFIF_BYTES, ADOBE_BYTES] = [14, 12];

export const isJpeg = (head) => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff;

/**
 * The picture without them; null when there is nothing to leave out.
 * @param {Uint8Array} data @returns {Uint8Array[] | null} Raises: RangeError (no JPEG that we can read).
 */
export function jpegAlone(data) {
  const parts = new KeptParts(data);
  parts.keep(0, 2);
  let [at, hasExif] = [2, false];
  // One that was cut off within its picture has no end.
  while (at < data.length) {
    const start = markerAt(data, at);
    if (data[start + 1] === END) {
      parts.keep(start, start + 2);
      break;
    }
    at = segmentEnd(data, start);
    const segment = data.subarray(start, at);
    const instead = hasExif && isExif(segment) ? null : inPlaceOf(segment);
    if (instead) parts.replace(start, at, instead);
    hasExif ||= isExif(segment);
    if (segment[1] !== SCAN) continue;
    parts.keep(at, (at = scanEnd(data, at)));
  }
  return parts.news;
}

/** What is kept of a segment, mostly itself; null: nothing. */
function inPlaceOf(segment) {
  const marker = segment[1];
  if (isExif(segment)) return uprightness(segment);
  if (marker === APP0 && says(segment, HEAD_BYTES, JFIF)) return segmentOf(APP0, withoutCopy(bodyOf(segment, JFIF_BYTES)));
  if (marker === APP14 && says(segment, HEAD_BYTES, ADOBE)) return segmentOf(APP14, bodyOf(segment, ADOBE_BYTES));
  const isColours = marker === APP2 && says(segment, HEAD_BYTES, COLOURS);
  const isPicture = marker !== COMMENT && (marker < APP0 || marker > APP15);
  return isColours || isPicture ? segment : null;
}

function isExif(segment) {
  return segment[1] === APP1 && says(segment, HEAD_BYTES, EXIF);
}

function uprightness(segment) {
  const tiff = orientationAlone(segment.subarray(HEAD_BYTES + EXIF.length));
  return tiff && segmentOf(APP1, concat(letters(EXIF), tiff));
}

/** Where the next marker begins; any number of 0xff may stand before it. */
function markerAt(data, at) {
  let start = at;
  while (data[start] === 0xff && data[start + 1] === 0xff) start += 1;
  const marker = data[start + 1];
  const isLonely = marker >= 0xd0 && marker <= 0xd8;
  if (data[start] !== 0xff || !(marker >= 0xc0) || isLonely) throw new RangeError("no marker");
  return start;
}

function segmentEnd(data, start) {
  const length = (data[start + 2] << 8) | data[start + 3];
  const end = start + 2 + length;
  if (!(length >= 2) || end > data.length) throw new RangeError("a segment beyond the end");
  return end;
}

/** Where the compressed picture ends: at the next marker that does not belong to it. */
function scanEnd(data, from) {
  for (let at = data.indexOf(0xff, from); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const next = data[at + 1];
    const isRestart = next >= 0xd0 && next <= 0xd7;
    if (next >= 0xc0 && !isRestart && next !== 0xff) return at;
  }
  return data.length;
}

/** The version and density of a JFIF head; its last two bytes are the size of the small copy. */
function withoutCopy(body) {
  return body.fill(0, JFIF_BYTES - 2);
}

function bodyOf(segment, size) {
  if (segment.length < HEAD_BYTES + size) throw new RangeError("a segment that is too short");
  return segment.slice(HEAD_BYTES, HEAD_BYTES + size);
}

function segmentOf(marker, body) {
  const length = body.length + 2;
  return concat(Uint8Array.of(0xff, marker, length >> 8, length & 0xff), body);
}
