import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeProfile, encodeText, parsePayload } from "../../../static/js/chat/payload.js";
import { Attachment } from "../../../static/js/protocol/attachment.js";
import { encodeCbor, parseCbor } from "../../../static/js/protocol/encoding.js";
import { AttachmentKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";

test("a text and a room's name come back as they were", () => {
  const said = { type: "text", text: "good morning ☀", attachments: [] };
  assert.deepEqual(parsePayload(encodeText("good morning ☀", 5)), said);
  assert.deepEqual(parsePayload(encodeProfile("Garden", 5)), { type: "profile", name: "Garden" });
});

test("what a later version may send is passed over", () => {
  assert.deepEqual(parsePayload(encodeCbor({ type: "poll", body: [1] })), { type: "unknown" });
  const said = { type: "text", text: "hi", attachments: [] };
  assert.deepEqual(parsePayload(encodeCbor({ type: "text", body: "hi", mood: 3 })), said);
});

test("files travel beside the text, and a text without any says nothing of them", () => {
  const key = AttachmentKey.generate();
  const file = new Attachment(randomBytes(16), 5, key, randomBytes(32), "image/png", "a.png");

  assert.deepEqual(parsePayload(encodeText("", 5, [file])), { type: "text", text: "", attachments: [file] });
  assert.deepEqual(parseCbor(encodeText("hi", 5)), { type: "text", body: "hi", client_time: 5 });
});

test("mallory's payloads are refused", () => {
  const bad = [
    encodeCbor([]), encodeCbor({ body: "no type" }),
    encodeCbor({ type: "text", body: "hi", attachments: [{ name: "a.png" }] }),
    encodeCbor({ type: "text", body: 7 }), encodeCbor({ type: "text" }),
    encodeCbor({ type: "text", body: "x".repeat(16_385) }), encodeCbor({ type: "profile", body: "Garden" }),
    encodeCbor({ type: "profile", body: { name: "x".repeat(129) } }), Uint8Array.of(0xff),
  ];

  for (const bytes of bad) assert.throws(() => parsePayload(bytes), { code: "malformed" });
});
