import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex } from "../../../static/js/bytes.js";
import * as codec from "../../../static/js/mls/codec.js";
import { refuses } from "../protocol/people.js";

const { Reader } = codec;

test("a vector's length has one form for each size, and reads back", () => {
  for (const [length, head] of [
    [0, "00"],
    [63, "3f"],
    [64, "4040"],
    [16383, "7fff"],
    [16384, "80004000"],
  ]) {
    const data = new Uint8Array(length).fill(7);
    const encoded = codec.vector(data);
    const reader = new Reader(encoded);

    assert.equal(toHex(encoded.slice(0, encoded.length - length)), head);
    assert.deepEqual(reader.vector(), data);
    reader.end();
  }
});

test("a length that could be shorter is refused, and one of eight bytes", async () => {
  for (const head of ["403f", "4000", "80003fff", "80000000", "c000000000000000"]) {
    await refuses("malformed", () => new Reader(concat(fromHex(head), new Uint8Array(16384))).vector());
  }
});

test("a length takes no memory before its bytes are there", async () => {
  await refuses("malformed", () => new Reader(fromHex("bfffffff00")).vector());
  await refuses("malformed", () => new Reader(fromHex("40")).vector());
});

test("items of a vector end where the vector does", async () => {
  const reader = new Reader(fromHex("04000100020a"));

  assert.deepEqual(
    reader.vectorOf((inner) => inner.u16()),
    [1, 2],
  );
  assert.equal(reader.left, 1);
  await refuses("malformed", () => new Reader(fromHex("03000100")).vectorOf((inner) => inner.u16()));
  assert.deepEqual(codec.vectorOf([codec.u16(1), { encode: () => codec.u16(2) }]), fromHex("0400010002"));
});

test("more items than a function takes arguments are encoded again", () => {
  const many = codec.vector(new Uint8Array(4 * 300_000));
  const items = new Reader(many).vectorOf((inner) => inner.u32());

  assert.deepEqual(codec.vectorOf(items.map(codec.u32)), many);
});

test("an optional value has the octet 0 or 1", async () => {
  const read = (text) => new Reader(fromHex(text)).optional((inner) => inner.u8());

  assert.equal(read("00"), null);
  assert.equal(read("0107"), 7);
  for (const text of ["0207", "ff", "01", ""]) await refuses("malformed", () => read(text));
  assert.deepEqual(codec.optional(null), fromHex("00"));
  assert.deepEqual(codec.optional(fromHex("07")), fromHex("0107"));
});

test("a wide integer keeps all of its eight bytes", async () => {
  for (const text of ["0000000000000000", "0020000000000001", "ffffffffffffffff"]) {
    assert.equal(toHex(codec.wide(new Reader(fromHex(text)).wide())), text);
  }
  for (const value of [-1n, 2n ** 64n]) await refuses("usage", () => codec.wide(value));
});

test("what was taken since a place can be told", () => {
  const reader = new Reader(fromHex("0102030405"));
  reader.u8();
  const { offset } = reader;
  reader.u16();

  assert.deepEqual(reader.since(offset), fromHex("0203"));
});
