import assert from "node:assert/strict";
import { test } from "node:test";

import { pad, paddedLength, unpad } from "../../../static/js/protocol/padding.js";
import { refuses } from "./people.js";

test("padding hides the length and comes off again", async () => {
  assert.deepEqual(
    [0, 63, 64, 1023, 1024, 16_383, 16_384].map(paddedLength),
    [64, 64, 128, 1024, 2048, 16_384, 32_768],
  );
  for (const length of [0, 1, 63, 64, 1023, 1024, 20_000]) {
    const payload = new Uint8Array(length).fill(0x80);
    assert.deepEqual(unpad(pad(payload)), payload);
  }
  for (const wrong of [[], [0], [0, 0, 0], [1], [0x80, 1]])
    await refuses("malformed", () => unpad(Uint8Array.from(wrong)));
});
