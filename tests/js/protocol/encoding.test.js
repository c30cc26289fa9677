import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat, fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import * as encoding from "../../../static/js/protocol/encoding.js";
import { PeerError } from "../../../static/js/protocol/errors.js";
import { refuses } from "./people.js";

const bytes = (most = 40) => fc.uint8Array({ maxLength: most });
const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const wellFormed = fc.string({ unit: "grapheme" }).filter((text) => !text.startsWith("\ufeff"));
// Every CBOR value the protocol carries, nested up to its limit.
const carried = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    integer,
    fc.boolean(),
    fc.constant(null),
    wellFormed,
    bytes(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(wellFormed, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test("integers are big endian and of one size", async () => {
  assert.equal(
    toHex(concat(encoding.u8(1), encoding.u16(2), encoding.u32(3), encoding.u64(4))),
    "010002000000030000000000000004",
  );
  assert.equal(toHex(encoding.u64(Number.MAX_SAFE_INTEGER)), "001fffffffffffff");
  assert.equal(toHex(encoding.v16(utf8("hi"))), "00026869");
  for (const wrong of [-1, 256, 1.5, NaN, "1"]) await refuses("usage", () => encoding.u8(wrong));
  await refuses("usage", () => encoding.u64(2 ** 53));
  await refuses("usage", () => encoding.v16(new Uint8Array(65_536)));
});

test("a reader gives each byte once and refuses missing and left-over ones", async () => {
  const reader = new encoding.Reader(fromHex("01000200000003001fffffffffffff0001ff99"));

  assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [1, 2, 3, Number.MAX_SAFE_INTEGER]);
  assert.deepEqual(reader.v16(), Uint8Array.of(255));
  await refuses("malformed", () => reader.end());
  await refuses("malformed", () => reader.take(2));
  assert.deepEqual([...reader.rest()], [0x99]);
  reader.end();
  await refuses("malformed", () => new encoding.Reader(fromHex("0020000000000000")).u64());
});

test("base64 has one spelling", async () => {
  assert.equal(encoding.encodeBase64(utf8("any")), "YW55");
  assert.equal(encoding.encodeBase64url(Uint8Array.of(251, 255)), "-_8");
  for (const wrong of ["YQ", "YQ=", "YR==", "YQ==\n", "Y Q=", "-_8=", "====", "YQ==YQ==", "é", 3, null]) {
    await refuses("malformed", () => encoding.parseBase64(wrong));
  }
  for (const wrong of ["YR", "YQ==", "Y", "+/8", "YQ\n"])
    await refuses("malformed", () => encoding.parseBase64url(wrong));
  fc.assert(
    fc.property(bytes(), (data) => {
      assert.deepEqual(encoding.parseBase64(encoding.encodeBase64(data)), data);
      assert.deepEqual(encoding.parseBase64url(encoding.encodeBase64url(data)), data);
    }),
  );
});

test("text is UTF-8 without a mark", async () => {
  assert.equal(encoding.parseText(utf8("grün")), "grün");
  for (const wrong of ["ff", "c0af", "eda080", "efbbbf61"])
    await refuses("malformed", () => encoding.parseText(fromHex(wrong)));
});

test("JSON is strict", async () => {
  const parse = (text) => encoding.parseJson(utf8(text), 1000);
  assert.deepEqual(parse(' {"a": [1, "\\"}{:", null, true], "b": {"a": {}}} '), {
    a: [1, '"}{:', null, true],
    b: { a: {} },
  });
  assert.deepEqual(
    parse("[1.0, 5e-1]").map(({ value }) => value),
    [1, 0.5],
  );
  const wrong = [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":1}',
    '{"x":{"a":1,"b":2,"a":3}}',
    "[-1]",
    "[-0]",
    "[9007199254740992]",
    "[1e999]",
    "[NaN]",
    '["\\ud800"]',
    '{"\\udfff":1}',
    "[[[[[[[[[1]]]]]]]]]",
    "[1,]",
    "{'a':1}",
    "",
    "[1] 2",
    '"\u0007"',
  ];
  for (const text of wrong) await refuses("malformed", () => parse(text));
  await refuses("too_large", () => encoding.parseJson(utf8("[1,2]"), 4));
  assert.deepEqual(Object.keys(parse('{"__proto__": {"admin": true}}')), ["__proto__"]);
});

test("CBOR is deterministic", async () => {
  assert.equal(
    toHex(encoding.encodeCbor({ bb: 1, a: Uint8Array.of(7), ccc: [] })),
    "a3616141076262620163636363" + "80",
  );
  const wrong = {
    "unsorted keys": "a2616201616101",
    "a key twice": "a2616101616101",
    "a long integer": "1801",
    "a long length": "780161",
    "an indefinite array": "9fff",
    "a negative": "20",
    "a float": "f93c00",
    "a tag": "c100",
    undefined: "f7",
    "a number as key": "a10101",
    "trailing bytes": "0000",
    nothing: "",
    "2^53": "1b0020000000000000",
    "invalid UTF-8": "61ff",
    "nine arrays": "8181818181818181" + "80",
  };
  for (const [what, hex] of Object.entries(wrong)) {
    await assert.rejects(async () => encoding.parseCbor(fromHex(hex)), { code: "malformed" }, what);
  }
  for (const value of [-1, 1.5, 2 ** 53, undefined, "\ud800", "\ufeffa", { "\ufeff": 1 }, { a: undefined }, 1n]) {
    await refuses("usage", () => encoding.encodeCbor(value));
  }
});

test("what CBOR carries comes back the same", () => {
  fc.assert(fc.property(carried, (value) => assert.deepEqual(encoding.parseCbor(encoding.encodeCbor(value)), value)));
});

test("any bytes give a value or a refusal", () => {
  const parsers = [
    encoding.parseCbor,
    encoding.parseTlvs,
    encoding.parseText,
    (data) => encoding.parseJson(data, 1000),
  ];
  fc.assert(
    fc.property(bytes(60), (data) => {
      for (const parse of parsers) {
        try {
          parse(data);
        } catch (error) {
          assert.ok(error instanceof PeerError, error.stack);
        }
      }
    }),
  );
});

test("TLVs ascend", async () => {
  const values = new Map([
    [300, utf8("b")],
    [2, utf8("a")],
  ]);

  assert.equal(toHex(encoding.encodeTlvs(values)), "0002000161" + "012c000162");
  assert.deepEqual(encoding.parseTlvs(encoding.encodeTlvs(values)), new Map([...values].reverse()));
  for (const wrong of ["00020000" + "00020000", "00020000" + "00010000", "000200", "0002000161" + "62"]) {
    await refuses("malformed", () => encoding.parseTlvs(fromHex(wrong)));
  }
});
