import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8 } from "../../../static/js/bytes.js";
import { Ratchet } from "../../../static/js/mls/_ratchet.js";
import { Reader } from "../../../static/js/mls/codec.js";
import { RatchetKind, SecretTree } from "../../../static/js/mls/secret_tree.js";
import { ROOM_SUITE, X25519_SUITE } from "../../../static/js/mls/suite.js";
import { refuses } from "../protocol/people.js";

const SUITE = X25519_SUITE;
const { APPLICATION, HANDSHAKE } = RatchetKind;
const tree = (leaves = 4) => SecretTree.make(SUITE, leaves, new Uint8Array(SUITE.Nh).fill(1));
const stored = (value) => SecretTree.read(SUITE, new Reader(value.encode()));

/** All bytes a tree holds, as one text to search in. */
const held = (value) => toHex(value.encode());

test("a key is gone after use, from memory's value and from the stored one", async () => {
  const [after, key, nonce] = await tree().key(1, APPLICATION, 0);

  assert.deepEqual([key.length, nonce.length], [SUITE.Nk, SUITE.Nn]);
  assert.equal(held(after).includes(toHex(key)), false);
  for (const each of [after, stored(after)]) await refuses("key_used", () => each.key(1, APPLICATION, 0));
});

test("the value it was taken from stays as it was", async () => {
  const before = tree();
  const [, key] = await before.key(1, APPLICATION, 3);
  const [, again] = await before.key(1, APPLICATION, 3);

  assert.deepEqual(again, key);
  assert.equal(held(before), held(tree()));
});

test("no key but those to come can be made from what is left", async () => {
  let value = tree();
  for (let generation = 0; generation < 3; generation += 1) [value] = await value.key(0, APPLICATION, generation);
  const secrets = new Set(value.secrets().map(toHex));
  const root = toHex(new Uint8Array(SUITE.Nh).fill(1));

  assert.equal(secrets.has(root), false);
  assert.equal(value.ratchets.size, 2);
  assert.deepEqual([...value.subtrees.keys()].sort(), [2, 5]);
});

test("what is made on the way to a key is overwritten, and nothing else", async () => {
  const made = [];
  const watched = Object.create(SUITE, {
    expand: {
      value: async (...given) => {
        made.push(await SUITE.expand(...given));
        return made.at(-1);
      },
    },
    Nh: { value: SUITE.Nh },
  });
  const before = SecretTree.make(watched, 8, new Uint8Array(SUITE.Nh).fill(1));
  const [after, key, nonce] = await before.key(5, APPLICATION, 2);

  const kept = new Set([...after.secrets(), key, nonce]);
  assert.equal(made.filter((buffer) => !kept.has(buffer)).length, 3 + 3);
  for (const buffer of made) assert.equal(buffer.some((octet) => octet !== 0), kept.has(buffer));
  assert.deepEqual(before.secrets(), [new Uint8Array(SUITE.Nh).fill(1)]);
});

test("skipped keys are kept, each for one use", async () => {
  const [after, fifth] = await tree().key(2, HANDSHAKE, 4);
  const [later, second] = await stored(after).key(2, HANDSHAKE, 1);
  const [, expected] = await tree().key(2, HANDSHAKE, 1);

  assert.deepEqual(second, expected);
  assert.notDeepEqual(second, fifth);
  await refuses("key_used", () => later.key(2, HANDSHAKE, 1));
  await later.key(2, HANDSHAKE, 0);
});

test("ten skipped keys are kept, and no eleventh", async () => {
  const [after] = await tree().key(0, APPLICATION, 11);
  await refuses("key_used", () => after.key(0, APPLICATION, 0));
  await after.key(0, APPLICATION, 1);
  const [later] = await after.key(0, APPLICATION, 13);

  // The twelfth took the place of the first.
  await refuses("key_used", () => later.key(0, APPLICATION, 1));
  for (const generation of [2, 10, 12]) await later.key(0, APPLICATION, generation);
});

test("a thousand generations ahead are reached, one more is not", async () => {
  await tree().key(0, APPLICATION, 1000);
  await refuses("key_used", () => tree().key(0, APPLICATION, 1001));
  const [after] = await tree().key(0, APPLICATION, 0);
  await after.key(0, APPLICATION, 1001);
  await refuses("key_used", () => after.key(0, APPLICATION, 1002));
});

test("a leaf outside the tree is malformed", async () => {
  for (const leaf of [4, 2 ** 32 - 1]) await refuses("malformed", () => tree().key(leaf, APPLICATION, 0));
  await tree().key(3, APPLICATION, 0);
});

test("each leaf, kind and generation has keys of its own", async () => {
  const keys = new Set();
  let value = tree();
  for (const leaf of [3, 0, 2, 1]) {
    for (const kind of [APPLICATION, HANDSHAKE]) {
      for (const generation of [0, 1]) {
        const [after, key, nonce] = await value.key(leaf, kind, generation);
        value = after;
        keys.add(toHex(key)).add(toHex(nonce));
      }
    }
  }
  assert.equal(keys.size, 32);
});

test("the order in which leaves are opened changes no key", async () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 1, 0, 2],
  ]) {
    let value = tree();
    for (const leaf of order) [value] = await value.key(leaf, APPLICATION, 0);
    const [, key] = await value.key(1, APPLICATION, 1);
    const [, alone] = await tree().key(1, APPLICATION, 1);

    assert.deepEqual(key, alone);
  }
});

test("the next generation counts own messages", async () => {
  const [after] = await tree().key(1, APPLICATION, 0);

  assert.deepEqual(
    [tree().nextGeneration(1, APPLICATION), after.nextGeneration(1, APPLICATION), after.nextGeneration(1, HANDSHAKE)],
    [0, 1, 0],
  );
});

test("a ratchet that is at its end sends nothing more", async () => {
  const at = (generation) =>
    new SecretTree(SUITE, 4, new Map(), new Map([[3, new Ratchet(generation, new Uint8Array(SUITE.Nh))]]));

  assert.equal(at(2 ** 32 - 1).nextGeneration(1, APPLICATION), 2 ** 32 - 1);
  await refuses("usage", () => at(2 ** 32).nextGeneration(1, APPLICATION));
});

test("the stored form is one, and reads back", async () => {
  let value = SecretTree.make(ROOM_SUITE, 8, utf8("x".repeat(48)));
  for (const [leaf, generation] of [[6, 2], [1, 0], [6, 0]]) [value] = await value.key(leaf, HANDSHAKE, generation);
  const reader = new Reader(value.encode());
  const again = SecretTree.read(ROOM_SUITE, reader);

  reader.end();
  assert.deepEqual(again.encode(), value.encode());
  assert.deepEqual(await again.key(6, HANDSHAKE, 1).then(([, key]) => key), (await value.key(6, HANDSHAKE, 1))[1]);
});

test("secrets show in no log", async () => {
  const [value] = await tree().key(0, APPLICATION, 2);

  assert.deepEqual(Object.keys(value), ["suite", "leaves"]);
  assert.deepEqual(Object.keys(value.ratchets.get(1)), ["generation"]);
});
