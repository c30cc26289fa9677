/** Pictures as cameras and programs leave them, made from plain ones: with notes wherever notes can be. Pure. */

/** Stands in every note; nothing of a picture that goes out may hold it. */
export const SECRET = "52.3731N 4.8922E Alice's telephone";

export const latin = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const u16 = (number) => Uint8Array.of(number >> 8, number & 0xff);
const u32 = (number) => Uint8Array.of(number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff);
const little = (bytes) => bytes.slice().reverse();

export function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...latin(part)] : [...part])));
}

/** A camera's notes: what it is, which way it was held, and the place. @param {1|2|3|4|5|6|7|8} orientation */
export function cameraNotes(orientation, isLittle = true) {
  const [two, four] = isLittle ? [(n) => little(u16(n)), (n) => little(u32(n))] : [u16, u32];
  const at = 8 + 2 + 2 * 12 + 4;
  const model = [two(0x0110), two(2), four(SECRET.length + 1), four(at)];
  const held = [two(0x0112), two(3), four(1), two(orientation), two(0)];
  return joined(isLittle ? "II" : "MM", two(42), four(8), two(2), ...model, ...held, four(0), SECRET, "\0");
}

// JPEG

export const segment = (marker, ...parts) => {
  const body = joined(...parts);
  return joined([0xff, marker], u16(body.length + 2), body);
};

/** In all kinds of segments, between and behind those of the picture; a film and its name behind the end. */
export function jpegWithNotes(jpeg, orientation) {
  const notes = [
    segment(0xe1, "Exif\0\0", cameraNotes(orientation)),
    segment(0xe1, "http://ns.adobe.com/xap/1.0/\0", `<x:xmpmeta>${SECRET}</x:xmpmeta>`),
    segment(0xe0, "JFXX\0\x10", SECRET),
    segment(0xe2, "MPF\0", SECRET),
    segment(0xed, "Photoshop 3.0\0", SECRET),
    [0xff, 0xff],
    segment(0xfe, SECRET),
  ];
  return joined(jpeg.slice(0, 2), ...notes, jpeg.slice(2), "ftypmp42", SECRET);
}

// PNG

/** @param {Uint8Array} body */
export function chunk(type, ...parts) {
  const named = joined(type, ...parts);
  return joined(u32(named.length - 4), named, u32(crc(named)));
}

export function pngWithNotes(png, orientation) {
  const notes = [
    chunk("eXIf", cameraNotes(orientation, false)),
    chunk("tEXt", "Comment\0", SECRET),
    chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0", SECRET),
    chunk("tIME", [0x07, 0xea, 11, 22, 22, 0, 0]),
    chunk("prVt", SECRET),
  ];
  const afterHead = 8 + 25;
  return joined(png.slice(0, afterHead), ...notes, png.slice(afterHead), chunk("tEXt", "Late\0", SECRET));
}

function crc(data) {
  const table = Array.from({ length: 256 }, (_, index) => {
    let row = index;
    for (let bit = 0; bit < 8; bit += 1) row = row & 1 ? 0xedb88320 ^ (row >>> 1) : row >>> 1;
    return row;
  });
  return ~data.reduce((sum, octet) => table[(sum ^ octet) & 0xff] ^ (sum >>> 8), -1) >>> 0;
}

// WebP

export const riffChunk = (type, ...parts) => {
  const body = joined(...parts);
  return joined(type, little(u32(body.length)), body, new Uint8Array(body.length % 2));
};

/** A plain one has no canvas, unless its colours need one. */
export function webpWithNotes(webp, { width, height }, orientation) {
  const own = webp.slice(12);
  const hasCanvas = own[3] === latin("X")[0];
  const corner = [little(u32(width - 1)).slice(0, 3), little(u32(height - 1)).slice(0, 3)];
  const canvas = hasCanvas ? own.slice(0, 18) : riffChunk("VP8X", [0, 0, 0, 0], ...corner);
  const chunks = joined(
    canvas.with(8, canvas[8] | 0x08 | 0x04),
    hasCanvas ? own.slice(18) : own,
    riffChunk("EXIF", cameraNotes(orientation)),
    riffChunk("XMP ", SECRET),
    riffChunk("note", SECRET),
  );
  return joined("RIFF", little(u32(chunks.length + 4)), "WEBP", chunks, SECRET);
}

// Plain ones

const ONE_CODE = [1, ...new Uint8Array(15), 0];
/** Eight by eight, all of one grey. */
export const TINY_JPEG = joined(
  [0xff, 0xd8],
  segment(0xdb, [0], new Uint8Array(64).fill(1)),
  segment(0xc0, [8, 0, 8, 0, 8, 1, 1, 0x11, 0]),
  segment(0xc4, [0x00], ONE_CODE),
  segment(0xc4, [0x10], ONE_CODE),
  segment(0xda, [1, 1, 0, 0, 63, 0]),
  [0x3f, 0xff, 0xd9],
);
/** One pixel, of the grey that a byte 0x80 says: one block that is not compressed. */
export const TINY_PNG = joined(
  "\x89PNG\r\n\x1a\n",
  chunk("IHDR", u32(1), u32(1), [8, 0, 0, 0, 0]),
  chunk("IDAT", [0x78, 0x01, 1, 2, 0, 0xfd, 0xff, 0, 0x80, 0, 0x82, 0, 0x81]),
  chunk("IEND"),
);
/** One pixel. */
export const TINY_WEBP = joined("RIFF", little(u32(26)), "WEBP", riffChunk("VP8L", [
  0x2f, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 0x07,
]));
