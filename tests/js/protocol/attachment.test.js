// Files beside a message, in the browser: what tests/vectors does not ask. See tests/protocol/test_attachment.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, sameBytes } from "../../../static/js/bytes.js";
import {
  Attachment,
  encodeAttachments,
  openAttachment,
  parseAttachments,
  sealAttachment,
} from "../../../static/js/protocol/attachment.js";
import { AttachmentKey } from "../../../static/js/protocol/keys.js";
import { Sha256 } from "../../../static/js/protocol/primitives.js";

const FILE = new Uint8Array(16).fill(7);
const KEY = AttachmentKey.generate();

/** As a browser reads a file: not at once. */
async function* later(plain, step) {
  for (let at = 0; at < plain.length; at += step) {
    await null;
    yield plain.subarray(at, at + step);
  }
}

async function seal(pieces, size, id = FILE) {
  const [digest, chunks] = [new Sha256(), []];
  for await (const chunk of sealAttachment(pieces, id, KEY, size, digest)) chunks.push(chunk);
  return { chunks, shown: new Attachment(id, size, KEY, digest.digest(), "text/plain", "a.txt") };
}

async function read(shown, chunks) {
  const pieces = [];
  for await (const piece of openAttachment(shown, chunks)) pieces.push(piece);
  return concat(...pieces);
}

test("pieces of any length, at once or later, give the same chunks, which open again", async () => {
  const plain = crypto.getRandomValues(new Uint8Array(60_000));
  const whole = concat(plain, plain, plain);
  const { chunks, shown } = await seal([whole], whole.length);
  for (const step of [1000, 65_535, 65_536, 65_537, 180_000]) {
    const other = await seal(later(whole, step), whole.length);
    assert.ok(sameBytes(other.shown.sha256, shown.sha256));
  }
  assert.ok(sameBytes(await read(shown, chunks), whole));
});

test("a source that changes while it is read is a mistake", async () => {
  for (const pieces of [[], [new Uint8Array(2)], [new Uint8Array(3), new Uint8Array(1)]]) {
    await assert.rejects(seal(pieces, 3), { code: "usage" });
  }
});

test("what nobody would take is not sent", async () => {
  const { shown } = await seal([], 0);
  const wrong = [{ size: 2 ** 30 + 1 }, { mime: "Text/plain" }, { name: "a/b" }, { name: "\ud800" }, { name: ".." }];
  for (const changed of wrong) {
    const { id, size, key, sha256, mime, name } = { ...shown, ...changed };
    assert.throws(() => new Attachment(id, size, key, sha256, mime, name).toMembers(), { code: "usage" });
  }
  assert.throws(() => encodeAttachments([shown, shown]), { code: "usage" });
  assert.throws(() => encodeAttachments(Array(11).fill(shown)), { code: "usage" });
});

test("what is sent is what is read, and its key does not show", async () => {
  const { shown } = await seal([], 0);
  const [found] = parseAttachments(encodeAttachments([shown]));
  assert.deepEqual({ ...found, key: null }, { ...shown, key: null });
  assert.ok(found.key.equals(KEY));
  assert.equal(JSON.parse(JSON.stringify(shown)).key, "AttachmentKey(...)");
  assert.deepEqual(parseAttachments(undefined), []);
});
