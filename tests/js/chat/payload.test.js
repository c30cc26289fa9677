import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeProfile, encodeText, parsePayload } from "../../../static/js/chat/payload.js";
import { encodeCbor } from "../../../static/js/protocol/encoding.js";

test("a text and a room's name come back as they were", () => {
  assert.deepEqual(parsePayload(encodeText("good morning ☀", 5)), { type: "text", text: "good morning ☀" });
  assert.deepEqual(parsePayload(encodeProfile("Garden", 5)), { type: "profile", name: "Garden" });
});

test("what a later version may send is passed over", () => {
  assert.deepEqual(parsePayload(encodeCbor({ type: "poll", body: [1] })), { type: "unknown" });
  assert.deepEqual(parsePayload(encodeCbor({ type: "text", body: "hi", mood: 3 })), { type: "text", text: "hi" });
});

test("mallory's payloads are refused", () => {
  const bad = [
    encodeCbor([]), encodeCbor({ body: "no type" }),
    encodeCbor({ type: "text", body: 7 }), encodeCbor({ type: "text" }),
    encodeCbor({ type: "text", body: "x".repeat(16_385) }), encodeCbor({ type: "profile", body: "Garden" }),
    encodeCbor({ type: "profile", body: { name: "x".repeat(129) } }), Uint8Array.of(0xff),
  ];

  for (const bytes of bad) assert.throws(() => parsePayload(bytes), { code: "malformed" });
});
