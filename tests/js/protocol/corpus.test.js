// What Python's coverage-guided fuzzer found: both languages read the same bytes and refuse the same, by the same code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { PARSERS, verdict } from "./parsers.js";

const CORPUS = JSON.parse(readFileSync(new URL("../../vectors/protocol_corpus.json", import.meta.url), "utf8"));

test("the corpus has every parser", () => assert.deepEqual(Object.keys(CORPUS), Object.keys(PARSERS)));

for (const [name, cases] of Object.entries(CORPUS)) {
  test(`${name}: each verdict is Python's`, async () => {
    for (const [encoded, expected] of Object.entries(cases)) {
      assert.equal(await verdict(name, new Uint8Array(Buffer.from(encoded, "base64"))), expected, encoded);
    }
  });
}
