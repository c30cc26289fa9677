import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, sameBytes } from "../../../static/js/bytes.js";
import { fetchBlob, stage } from "../../../static/js/chat/staging.js";
import { OutOfOrder } from "../../../static/js/protocol/errors.js";
import { randomBytes, sha256 } from "../../../static/js/protocol/primitives.js";

const random = () => concat(...Array.from({ length: 5 }, () => randomBytes(60_000)));
const blob = random();
const ROOM = new Uint8Array(16);

test("a large blob goes up in chunks and is named by its digest", async () => {
  const offsets = [];
  const ask = async (_op, { offset, bytes }) => (offsets.push(offset), { have: offset + bytes.length });

  assert.deepEqual(await stage(ask, blob), sha256(blob));

  assert.deepEqual(offsets, [0, 131_072, 262_144]);
});

test("a server that lost a part is given it again, one that has all of it nothing", async () => {
  const offsets = [];
  const ask = async (_op, { offset, bytes }) => {
    offsets.push(offset);
    if (offsets.length === 2) throw Object.assign(new OutOfOrder("gap"), { details: { have: 0 } });
    return { have: offset + bytes.length };
  };

  await stage(ask, blob);
  await stage(async (_op, { offset }) => (offsets.push(offset), { have: blob.length }), blob);

  assert.deepEqual(offsets, [0, 131_072, 0, 131_072, 262_144, 0]);
});

test("a server that keeps nothing is not given it for ever, and what is no number is no answer", async () => {
  const asked = [];
  const answering = (answer) => async (_op, { offset }) => {
    asked.push(offset);
    return answer();
  };
  const gap = (details) => () => {
    throw Object.assign(new OutOfOrder("gap"), { details });
  };

  for (const answer of [() => ({ have: 0 }), gap({ have: 0 })]) {
    await assert.rejects(stage(answering(answer), blob), { code: "out_of_order" });
    assert.equal(asked.splice(0).length, 4);
  }
  for (const answer of [() => ({}), () => ({ have: -5 }), () => ({ have: "5" }), gap({ have: 0.5 })])
    await assert.rejects(stage(answering(answer), blob), { code: "malformed" });
});

test("a blob comes back in any chunks, and another one is refused", async () => {
  const fetch = (source, size, step) => {
    const ask = async (_op, { offset }) => ({ size: source.length, bytes: source.slice(offset, offset + step) });
    return fetchBlob(ask, ROOM, sha256(blob), size);
  };

  assert.ok(sameBytes(await fetch(blob, blob.length, 100_001), blob));
  await assert.rejects(fetch(random(), 300_000, 65_536), { code: "unauthentic" });
  await assert.rejects(fetch(blob, blob.length - 1, 65_536), { code: "unauthentic" });
  await assert.rejects(fetch(blob, blob.length + 1, 65_536), { code: "unauthentic" });
  await assert.rejects(fetch(blob, 2 ** 40, 65_536), { code: "too_large" });
});
