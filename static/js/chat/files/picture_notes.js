// Pictures as they go out: without what camera and programs wrote beside them, such as the place, the time, the device
// and its owner. Their pixels are not touched, which colours are meant stays, and so does which way up they are.

import { isJpeg, jpegAlone } from "./jpeg_notes.js";
import { isPng, pngAlone } from "./png_notes.js";
import { isWebp, webpAlone } from "./webp_notes.js";

/** By their first bytes; neither a name nor what a browser says of a file counts. */
const KINDS = [
  [isJpeg, jpegAlone],
  [isPng, pngAlone],
  [isWebp, webpAlone],
];
const SIGN_BYTES = 12;
/** One that is larger is not read at once; no more than this can wait to go out anyway. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * @param {File} source as it was picked
 * @returns {Promise<File>} the same when there is nothing to leave out, or when it is no picture that we can read
 */
export async function withoutNotes(source) {
  if (source.size > MOST_BYTES) return source;
  try {
    const alone = kindOf(await bytesOf(source.slice(0, SIGN_BYTES)));
    const parts = alone && alone(await bytesOf(source));
    if (!parts) return source;
    const { name, type, lastModified } = source;
    return new File(parts, name, { type, lastModified });
  } catch (cause) {
    // It is damaged; or gone meanwhile, which shows when it is sealed.
    if (cause instanceof RangeError || cause instanceof DOMException) return source;
    throw cause;
  }
}

function kindOf(head) {
  return KINDS.find(([isOne]) => isOne(head))?.[1] ?? null;
}

async function bytesOf(blob) {
  return new Uint8Array(await blob.arrayBuffer());
}
