// Which way up a picture is: the one thing in a camera's notes (EXIF) that a picture cannot be shown without.

const UPRIGHT = 1;
const [TAG_ORIENTATION, TYPE_SHORT, ENTRY_BYTES] = [0x0112, 3, 12];

/**
 * @param {Uint8Array} tiff the notes, from their byte order on
 * @returns {number} 1 to 8 as EXIF counts them; 1, which is upright, when they do not say
 */
export function orientationOf(tiff) {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  try {
    const order = view.getUint16(0);
    if (order !== 0x4949 && order !== 0x4d4d) return UPRIGHT;
    const isLittle = order === 0x4949;
    const at = view.getUint32(4, isLittle);
    for (let entry = 0; entry < view.getUint16(at, isLittle); entry += 1) {
      const place = at + 2 + entry * ENTRY_BYTES;
      if (view.getUint16(place, isLittle) === TAG_ORIENTATION) return saneOf(view.getUint16(place + 8, isLittle));
    }
  } catch (cause) {
    // They end before they have said it.
    if (!(cause instanceof RangeError)) throw cause;
  }
  return UPRIGHT;
}

/**
 * Notes that say nothing else, or null for a picture that is upright anyway.
 * @param {Uint8Array} tiff the notes as they were @returns {Uint8Array | null} 26 bytes
 */
export function orientationAlone(tiff) {
  const orientation = orientationOf(tiff);
  if (orientation === UPRIGHT) return null;
  const view = new DataView(new ArrayBuffer(26));
  view.setUint32(0, 0x4d4d002a);
  view.setUint32(4, 8);
  view.setUint16(8, 1);
  view.setUint16(10, TAG_ORIENTATION);
  view.setUint16(12, TYPE_SHORT);
  view.setUint32(14, 1);
  view.setUint16(18, orientation);
  return new Uint8Array(view.buffer);
}

function saneOf(orientation) {
  return orientation >= UPRIGHT && orientation <= 8 ? orientation : UPRIGHT;
}
