import assert from "node:assert/strict";
import { test } from "node:test";

import { endingOf, kindOf, shownName, sizeWords } from "../../../static/js/ui/file_names.js";
import { previewWords } from "../../../static/js/ui/people.js";
import { claimsPicture, pictureOf } from "../../../static/js/ui/pictures.js";

const bytes = (...parts) =>
  Uint8Array.from(parts.flatMap((part) => [...part].map((each) => (typeof each === "string" ? each.charCodeAt(0) : each))));
const PNG = bytes("\x89PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 0, 3, 0x20, 0, 0, 2, 0x58]);
const GIF = bytes("GIF89a", [0x20, 3, 0x58, 2, 0, 0, 0], [0x2c, 0, 0, 0, 0, 0x20, 3, 0x58, 2, 0]);
const CAMERA = bytes([0xff, 0xe1, 0, 6, 1, 2, 3, 4]);
const JPEG = bytes([0xff, 0xd8], CAMERA, [0xff, 0xc4, 0, 3, 0], [0xff, 0xc2, 0, 17, 8, 2, 0x58, 3, 0x20, 3]);
const WEBP = bytes("RIFF", [0, 0, 0, 0], "WEBP");

test("a long name is cut in the middle, and its ending stays", () => {
  const shown = shownName("minutes of the third floor band, autumn meeting, with remarks.pdf");

  assert.equal([...shown].length, 40);
  assert.ok(shown.startsWith("minutes of the third") && shown.endsWith("remarks.pdf") && shown.includes("…"), shown);
  assert.equal(shownName("😀".repeat(41)).length, 79);
  assert.equal(shownName("short.txt"), "short.txt");
});

test("a name cannot turn the line round or hide a part of itself", () => {
  assert.equal(shownName("photo\u202egnp.exe"), "photognp.exe");
  assert.equal(shownName("a\u200b\u0007\u2066b\ufeff.txt\n"), "ab.txt");
});

test("sizes are said as people say them", () => {
  const sizes = [0, 1, 1023, 1024, 34_900, 1024 ** 2 - 1, 1024 ** 2, 1_258_292, 10_485_760, 25 * 1024 ** 2, 2 ** 30];
  const said = ["0 bytes", "1 byte", "1023 bytes", "1 KB", "34 KB", "1.0 MB", "1.0 MB", "1.2 MB", "10 MB", "25 MB", "1.0 GB"];

  assert.deepEqual(sizes.map(sizeWords), said);
});

test("what a file is, is said by its kind and its ending", () => {
  assert.deepEqual(["image/svg+xml", "audio/ogg", "video/mp4", "text/html", "application/pdf", ""].map(kindOf), [
    "picture", "sound", "film", "text", "file", "file",
  ]);
  assert.deepEqual(["a.pdf", "b.tar.GZ", "c", "d.", ".profile", "e.not an ending"].map(endingOf), [
    "PDF", "GZ", "", "", "", "",
  ]);
});

test("the four kinds of pictures are known by their first bytes, with their size", () => {
  const of = (type) => ({ type, width: 800, height: 600 });

  assert.deepEqual(pictureOf(PNG), of("image/png"));
  assert.deepEqual(pictureOf(GIF), of("image/gif"));
  assert.deepEqual(pictureOf(JPEG), of("image/jpeg"));
  assert.deepEqual(pictureOf(bytes(WEBP, "VP8X", new Uint8Array(8), [0x1f, 3, 0, 0x57, 2, 0])), of("image/webp"));
  assert.deepEqual(pictureOf(bytes(WEBP, "VP8 ", new Uint8Array(10), [0x20, 3, 0x58, 2])), of("image/webp"));
  assert.deepEqual(pictureOf(bytes(WEBP, "VP8L", [0, 0, 0, 0, 0x2f, 0x1f, 0xc3, 0x95, 0])), of("image/webp"));
});

test("a picture that says another size than it has is taken at the size that the browser makes it", () => {
  const of = (head) => [pictureOf(head)?.width, pictureOf(head)?.height];
  const gif = (...parts) => bytes("GIF89a", [1, 0, 1, 0, 0x80, 0, 0], new Uint8Array(6), ...parts);
  const frame = [0x2c, 0x10, 0, 0, 0, 0x10, 0x27, 8, 0, 0];
  const decoy = [0xff, 0xc0, 0, 17, 8, 0, 1, 0, 1, 3];
  const real = [0xff, 0xc2, 0, 17, 8, 2, 0x58, 3, 0x20, 3];
  const segment = (marker) => [0xff, marker, 0, 14, 0, 0, ...decoy];
  const jpeg = (...parts) => bytes([0xff, 0xd8], ...parts);

  assert.deepEqual(of(gif(frame)), [10_016, 8]);
  assert.deepEqual(of(gif([0x21, 0xf9, 4, 0, 0, 0, 0, 0], [0x21, 0xfe, 2, 0x2c, 0x2c, 1, 0, 0], frame)), [10_016, 8]);
  assert.deepEqual(of(gif([0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0])), [undefined, undefined]);
  for (const before of [[0xff], [0xff, 0xff, 0xff], [0xff, 0x01], [0xff, 0xd0, 0xff, 0xd7]])
    assert.deepEqual(of(jpeg(before, segment(0xe1), real)), [800, 600], before.join(" "));
  assert.deepEqual(of(jpeg([0xff, 0x00, 0, 2], decoy)), [undefined, undefined]);
});

test("what could hold a script, is cut off or would fill the memory is no picture", () => {
  const huge = PNG.with(16, 1);
  const flat = GIF.with(6, 0).with(7, 0).with(18, 0).with(19, 0);
  const texts = ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<!doctype html><img>", "%PDF-1.7", "GIF", ""];

  for (const head of [huge, flat, ...texts.map((text) => bytes(text))]) assert.equal(pictureOf(head), null);
  for (const whole of [PNG, GIF, JPEG]) {
    for (let length = 0; length < whole.length - 1; length += 1) assert.equal(pictureOf(whole.subarray(0, length)), null);
  }
});

test("a picture is asked for by what its sender says, up to ten megabytes, and never as SVG", () => {
  const claims = (mime, size = 1) => claimsPicture({ mime, size });

  assert.deepEqual(["image/png", "image/jpeg", "image/gif", "image/webp"].map((mime) => claims(mime)), Array(4).fill(true));
  assert.deepEqual(["image/svg+xml", "text/html", "image/tiff"].map((mime) => claims(mime)), Array(3).fill(false));
  assert.deepEqual([claims("image/png", 10 * 2 ** 20), claims("image/png", 10 * 2 ** 20 + 1)], [true, false]);
});

test("a message without words is told by its files", () => {
  const said = (files, text = "") => previewWords([], { sender: "b", own: true, status: "sent", text, files }, true);
  const file = { name: "lake.jpg" };

  assert.equal(said([file]), "You: \u2068lake.jpg\u2069");
  assert.equal(said([file, file]), "You: 2 files");
  assert.equal(said([file], "look"), "You: look");
});
