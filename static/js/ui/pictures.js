/**
 * What picture a file is, by its first bytes; neither its name nor what its sender says of it counts. Pure.
 *
 * Only four kinds are shown, which no browser runs: what could hold a script, SVG above all, is none of them.
 */

/** A picture as large as this is shown, in bytes; one up to the second is fetched without being asked for. */
export const PICTURE_MAX_BYTES = 10 * 1024 * 1024;
export const SMALL_PICTURE_BYTES = 1024 * 1024;
/** So much of a file says what it is: in a photograph, the camera's notes come before its size. */
export const HEAD_BYTES = 262_144;
/** A few bytes can ask for a picture that fills the memory. */
const MOST_PIXELS = 50_000_000;

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/**
 * Whether its sender says that it is a picture we show; what it is, shows when it is here.
 * @param {{mime: string, size: number}} file
 */
export function claimsPicture({ mime, size }) {
  return TYPES.includes(mime) && size <= PICTURE_MAX_BYTES;
}

/**
 * @param {Uint8Array} head the file's first bytes, `HEAD_BYTES` of them if it has so many
 * @returns {{type: string, width: number, height: number} | null} null: no picture that we show
 */
export function pictureOf(head) {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  try {
    const [type, width, height] = READERS.map((read) => read(head, view)).find(Boolean) ?? [];
    const isSane = width > 0 && height > 0 && width * height <= MOST_PIXELS;
    return isSane ? { type, width, height } : null;
  } catch (cause) {
    // It ends before it has said how large it is.
    if (cause instanceof RangeError) return null;
    throw cause;
  }
}

const READERS = [png, gif, webp, jpeg];

function png(head, view) {
  if (!says(head, 0, "\x89PNG\r\n\x1a\n") || !says(head, 12, "IHDR")) return null;
  return ["image/png", view.getUint32(16), view.getUint32(20)];
}

function gif(head, view) {
  if (!says(head, 0, "GIF87a") && !says(head, 0, "GIF89a")) return null;
  const [width, height] = gifFrame(view);
  return ["image/gif", Math.max(width, view.getUint16(6, true)), Math.max(height, view.getUint16(8, true))];
}

/** How far the first frame reaches: browsers make the picture as large as that, whatever its head says. */
function gifFrame(view) {
  const flags = view.getUint8(10);
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  while (view.getUint8(at) === 0x21) {
    for (at += 2; view.getUint8(at) > 0; ) at += 1 + view.getUint8(at);
    at += 1;
  }
  if (view.getUint8(at) !== 0x2c) return [0, 0];
  return [1, 3].map((place) => view.getUint16(at + place, true) + view.getUint16(at + place + 4, true));
}

function webp(head, view) {
  if (!says(head, 0, "RIFF") || !says(head, 8, "WEBP")) return null;
  if (says(head, 12, "VP8X")) return ["image/webp", 1 + uint24(view, 24), 1 + uint24(view, 27)];
  if (says(head, 12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return ["image/webp", 1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  if (!says(head, 12, "VP8 ")) return null;
  return ["image/webp", view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}

/** Its size stands in the first frame header, behind segments of any kind. What browsers step over is stepped over. */
function jpeg(head, view) {
  if (!says(head, 0, "\xff\xd8\xff")) return null;
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return ["image/jpeg", view.getUint16(at + 7), view.getUint16(at + 5)];
    if (marker < 0xc0 && marker !== 0x01) return null;
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else at += 2 + view.getUint16(at + 2);
  }
  return null;
}

function says(head, at, text) {
  return [...text].every((letter, index) => head[at + index] === letter.codePointAt(0));
}

function uint24(view, at) {
  return view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000;
}
