import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import { orientationOf } from "../../../static/js/chat/files/orientation.js";
import { withoutNotes } from "../../../static/js/chat/files/picture_notes.js";
import {
  cameraNotes, chunk, joined, jpegWithNotes, latin, pngWithNotes, riffChunk, SECRET, segment, TINY_JPEG, TINY_PNG,
  TINY_WEBP, webpWithNotes,
} from "../../preview/noted_pictures.js";

const fileOf = (bytes, name = "lake") => new File([bytes], name, { type: "image/jpeg", lastModified: 1000 });
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());
const cleaned = async (bytes) => bytesOf(await withoutNotes(fileOf(bytes)));
const holds = (bytes, text) => Buffer.from(bytes).includes(Buffer.from(latin(text)));
const SIZE = { width: 1, height: 1 };
const KINDS = {
  jpeg: [TINY_JPEG, (orientation) => jpegWithNotes(TINY_JPEG, orientation)],
  png: [TINY_PNG, (orientation) => pngWithNotes(TINY_PNG, orientation)],
  webp: [TINY_WEBP, (orientation) => webpWithNotes(TINY_WEBP, SIZE, orientation)],
};
/** What is left of a camera's notes. */
const UPRIGHTNESS = (orientation) => [
  ...latin("MM"), 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
];

test("an upright picture comes out as it was before anybody wrote notes into it", async () => {
  assert.deepEqual(await cleaned(KINDS.jpeg[1](1)), TINY_JPEG);
  assert.deepEqual(await cleaned(KINDS.png[1](1)), TINY_PNG);
  const canvas = riffChunk("VP8X", new Uint8Array(10));
  const picture = TINY_WEBP.slice(12);
  const size = canvas.length + picture.length + 4;
  assert.deepEqual(await cleaned(KINDS.webp[1](1)), joined("RIFF", [size, 0, 0, 0], "WEBP", canvas, picture));
});

test("a picture that was held otherwise says so, and nothing else", async () => {
  for (const orientation of [2, 3, 4, 5, 6, 7, 8]) {
    const exif = UPRIGHTNESS(orientation);
    assert.deepEqual(
      await cleaned(KINDS.jpeg[1](orientation)),
      joined([0xff, 0xd8], segment(0xe1, "Exif\0\0", exif), TINY_JPEG.slice(2)),
    );
    const png = await cleaned(KINDS.png[1](orientation));
    assert.deepEqual(png, joined(TINY_PNG.slice(0, 33), chunk("eXIf", exif), TINY_PNG.slice(33)));
    const webp = await cleaned(KINDS.webp[1](orientation));
    assert.deepEqual(webp.slice(-34), riffChunk("EXIF", exif));
    assert.deepEqual([...webp.slice(4, 8)], [webp.length - 8, 0, 0, 0]);
    assert.equal(webp[20], 0x08, "the canvas says that notes follow, and none of the other kind");
  }
});

test("nothing of the notes is left, and a second look finds nothing more to do", async () => {
  for (const [kind, [plain, noted]] of Object.entries(KINDS)) {
    for (const orientation of [1, 6]) {
      const before = noted(orientation);
      const file = await withoutNotes(fileOf(before));
      assert.ok(holds(before, SECRET) && !holds(await bytesOf(file), SECRET), kind);
      assert.ok(file.size < before.length - 3 * SECRET.length, kind);
      assert.equal(await withoutNotes(file), file, kind);
    }
    const untouched = fileOf(plain);
    assert.equal(await withoutNotes(untouched), untouched, kind);
  }
});

test("a picture keeps its name, its type and its date", async () => {
  const { name, type, lastModified } = await withoutNotes(fileOf(KINDS.jpeg[1](6), "lake.jpg"));

  assert.deepEqual([name, type, lastModified], ["lake.jpg", "image/jpeg", 1000]);
});

test("what says how a picture looks stays; a small copy of it goes", async () => {
  const [colours, adobe] = [segment(0xe2, "ICC_PROFILE\0\x01\x01", "profile"), segment(0xee, "Adobe", [0, 100, 0, 0, 0, 0, 1])];
  const jfif = (width, height, copy) => segment(0xe0, "JFIF\0", [1, 2, 1, 0, 72, 0, 72, width, height], copy);
  const rest = TINY_JPEG.slice(2);
  const whole = joined([0xff, 0xd8], jfif(0, 0, []), colours, adobe, rest);
  const noted = joined([0xff, 0xd8], jfif(1, 2, "copy56"), colours, segment(0xee, "Adobe", [0, 100, 0, 0, 0, 0, 1], SECRET), rest);
  assert.deepEqual(await cleaned(whole), whole);
  assert.deepEqual(await cleaned(noted), whole);

  const kept = ["iCCP", "gAMA", "tRNS", "pHYs", "acTL", "fcTL", "fdAT", "cICP"].map((type) => chunk(type, "looks"));
  const png = joined(TINY_PNG.slice(0, 33), ...kept, TINY_PNG.slice(33));
  assert.deepEqual(await cleaned(pngWithNotes(png, 1)), png);

  const animated = joined("RIFF", [40, 0, 0, 0], "WEBP", riffChunk("ICCP", "odd"), riffChunk("ANIM", "six by"), riffChunk("ANMF"));
  assert.deepEqual(await cleaned(animated.with(4, animated.length - 8)), animated.with(4, animated.length - 8));
});

test("notes between the scans of a picture go, and what looks like a marker within one stays", async () => {
  const scan = joined(segment(0xda, [1, 1, 0, 0, 63, 0]), [1, 0xff, 0x00, 2, 0xff, 0xd0, 3, 0xff, 0xff, 0x00, 4]);
  const head = joined([0xff, 0xd8], segment(0xc2, [8, 0, 8, 0, 8, 1, 1, 0x11, 0]));
  const tables = segment(0xc4, [0x00]);

  const clean = await cleaned(joined(head, scan, segment(0xfe, SECRET), tables, scan, segment(0xe1, SECRET), [0xff, 0xd9], SECRET));

  assert.deepEqual(clean, joined(head, scan, tables, scan, [0xff, 0xd9]));
});

test("only the first of a camera's notes counts, as for whoever shows the picture", async () => {
  const [first, second] = [3, 6].map((orientation) => segment(0xe1, "Exif\0\0", cameraNotes(orientation)));
  const clean = await cleaned(joined([0xff, 0xd8], first, second, TINY_JPEG.slice(2)));
  assert.deepEqual(clean, joined([0xff, 0xd8], segment(0xe1, "Exif\0\0", UPRIGHTNESS(3)), TINY_JPEG.slice(2)));

  const upright = await cleaned(joined([0xff, 0xd8], segment(0xe1, "Exif\0\0", cameraNotes(1)), second, TINY_JPEG.slice(2)));
  assert.deepEqual(upright, TINY_JPEG);
});

test("the checksum that is written is that of the format", async () => {
  const png = Buffer.from(await cleaned(KINDS.png[1](8)));
  const at = png.indexOf("eXIf");

  assert.equal(png.readUInt32BE(at + 30), crc32(png.subarray(at, at + 30)));
});

test("what is cut off or changed anywhere goes as it is, or without its notes, and stops nothing", async () => {
  for (const [kind, [, noted]] of Object.entries(KINDS)) {
    const whole = noted(6);
    for (let length = 0; length < whole.length; length += 1) {
      const file = fileOf(whole.slice(0, length));
      const clean = await withoutNotes(file);
      assert.ok(clean === file || !holds(await bytesOf(clean), SECRET), `${kind}, ${length} bytes`);
    }
    for (let at = 0; at < whole.length; at += 1) {
      for (const octet of [0, 0xff]) assert.ok((await cleaned(whole.with(at, octet))).length <= whole.length, `${kind} at ${at}`);
    }
  }
});

test("a JPEG that was cut off within its picture loses its notes all the same", async () => {
  const clean = await cleaned(jpegWithNotes(TINY_JPEG.slice(0, -2), 1).slice(0, -8 - SECRET.length));

  assert.deepEqual(clean, TINY_JPEG.slice(0, -2));
});

test("what is no such picture is not looked into, whatever it calls itself", async () => {
  const others = ["", "\xff\xd8", "GIF89a", `%PDF-1.7 ${SECRET}`, `<svg>${SECRET}</svg>`, `RIFF0000WAVE${SECRET}`];
  for (const text of others) {
    const file = fileOf(latin(text), "picture.jpg");
    assert.equal(await withoutNotes(file), file, text);
  }
  const gone = fileOf(TINY_JPEG);
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) });
  assert.equal(await withoutNotes(gone), gone);
});

test("which way up a picture is, is read in both orders of bytes, and nonsense is upright", () => {
  for (const isLittle of [true, false]) {
    assert.deepEqual([1, 2, 5, 8].map((each) => orientationOf(cameraNotes(each, isLittle))), [1, 2, 5, 8]);
    assert.deepEqual([0, 9, 255].map((each) => orientationOf(cameraNotes(each, isLittle))), [1, 1, 1]);
  }
  assert.deepEqual(["", "MM", "XX\0\x2a", "MM\0\x2a\0\0\0\x08", "II\x2a\0\xff\xff\xff\xff"].map((text) => orientationOf(latin(text))), [
    1, 1, 1, 1, 1,
  ]);
});
