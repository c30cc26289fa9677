import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, sameBytes } from "../../../static/js/bytes.js";
import { keyId, wrapTag } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, PreSharedKey } from "../../../static/js/protocol/keys.js";
import {
  checkWraps,
  joinWraps,
  makePadding,
  makeWrap,
  MAX_WRAPS,
  openWrap,
  WRAP_BYTES,
  WRAPS_STEP,
} from "../../../static/js/protocol/wraps.js";
import { flipped, refuses } from "./people.js";

const [SECRET, BOB, ALICE, CHARLIE] = [DiscoverySecret, PreSharedKey, PreSharedKey, PreSharedKey].map((Type) =>
  Type.generate(),
);
const KID = keyId(SECRET);

const padding = (count) => Array.from({ length: count }, makePadding);
/** The entries with padding up to the next step, joined. */
const filled = (...entries) => joinWraps([...entries, ...padding((WRAPS_STEP - (entries.length % WRAPS_STEP)) % 16)]);

test("everybody with an entry comes to the secret, and nobody else", async () => {
  const wraps = filled(await makeWrap(BOB, SECRET), await makeWrap(ALICE, SECRET));

  for (const psks of [[BOB], [ALICE], [CHARLIE, BOB]]) assert.ok((await openWrap(wraps, KID, psks)).equals(SECRET));
  for (const psks of [[], [CHARLIE], [new PreSharedKey(SECRET.bytes)]]) {
    await refuses("unknown_peer", () => openWrap(wraps, KID, psks));
  }
  await refuses("unknown_peer", () => openWrap(wraps, keyId(DiscoverySecret.generate()), [BOB]));
  await refuses("unknown_peer", () => openWrap(new Uint8Array(), KID, [BOB]));
});

test("the revoked stays out through three changes, and who was away finds home with the last", async () => {
  const had = [CHARLIE];
  for (let change = 0; change < 3; change += 1) {
    const secret = DiscoverySecret.generate();
    const wraps = filled(await makeWrap(BOB, secret));

    await refuses("unknown_peer", () => openWrap(wraps, keyId(secret), had));
    assert.ok((await openWrap(wraps, keyId(secret), [BOB])).equals(secret));
  }
});

test("a wrap is repeated byte for byte, and differs under the next secret", async () => {
  const [one, again] = [await makeWrap(BOB, SECRET), await makeWrap(BOB, SECRET)];
  const next = await makeWrap(BOB, DiscoverySecret.generate());

  assert.ok(sameBytes(one, again));
  assert.equal(one.length, WRAP_BYTES);
  assert.ok(!sameBytes(one.subarray(0, 8), next.subarray(0, 8)));
});

test("every changed byte is refused", async () => {
  const entry = await makeWrap(BOB, SECRET);
  for (let index = 0; index < entry.length; index += 1) {
    const wraps = filled(flipped(entry, index));
    await refuses(index < 8 ? "unknown_peer" : "unauthentic", () => openWrap(wraps, KID, [BOB]));
  }
});

test("an entry that does not open keeps nobody from the next", async () => {
  const wraps = filled(flipped(await makeWrap(BOB, SECRET), 55), await makeWrap(ALICE, SECRET));

  assert.ok((await openWrap(wraps, KID, [BOB, ALICE])).equals(SECRET));
  await refuses("unauthentic", () => openWrap(wraps, KID, [BOB]));
});

test("a wrap of another secret under our kid is refused", async () => {
  const other = await makeWrap(BOB, DiscoverySecret.generate());
  const borrowed = concat(wrapTag(BOB, KID), other.subarray(8));

  await refuses("unauthentic", () => openWrap(filled(borrowed), KID, [BOB]));
  await refuses("unknown_peer", () => openWrap(filled(other), KID, [BOB]));
});

test("counts are multiples of sixteen up to 608", async () => {
  for (const count of [0, 16, MAX_WRAPS]) checkWraps(joinWraps(padding(count)));
  for (const count of [1, 15, 17, MAX_WRAPS + 1, MAX_WRAPS + 16]) {
    await refuses("usage", () => joinWraps(padding(count)));
    await refuses("malformed", () => checkWraps(concat(...padding(count))));
  }
  await refuses("malformed", () => checkWraps(joinWraps(padding(16)).subarray(1)));
});

test("entries stand in one order, whatever order they came in", async () => {
  const entries = [await makeWrap(BOB, SECRET), ...padding(15)];
  const wraps = joinWraps(entries);

  assert.ok(sameBytes(wraps, joinWraps([...entries].reverse())));
  const swapped = concat(wraps.subarray(56, 112), wraps.subarray(0, 56), wraps.subarray(112));
  await refuses("malformed", () => openWrap(swapped, KID, [BOB]));
  await refuses("usage", () => joinWraps([...entries.slice(0, 15), entries[0]]));
});
