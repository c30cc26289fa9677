// What is gone is gone: a removed device, a stolen state, a key that was used, and its buffer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, toHex } from "../../../static/js/bytes.js";
import { Group } from "../../../static/js/mls/group.js";
import { epochSecret, joinerSecret } from "../../../static/js/mls/key_schedule.js";
import { NODE, PATH } from "../../../static/js/mls/labels.js";
import { RatchetKind } from "../../../static/js/mls/secret_tree.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { deriveKeys } from "../../../static/js/mls/tree_kem.js";
import { PeerError } from "../../../static/js/protocol/errors.js";
import { refuses } from "../protocol/people.js";
import { ANNA, BERT, CARL, Device, DORA, Room, RULES } from "./room.js";

const stored = (group) => toHex(concat(...Object.values(group.rows()).filter(Boolean)));

/** Whether a group that tries every message, in order and again from the start, opens none of them. */
async function opensNothing(stale, messages) {
  let group = stale;
  let count = 0;
  for (const message of [...messages, ...messages]) {
    try {
      ({ group } = await group.open(message));
      count += 1;
    } catch (error) {
      assert.ok(error instanceof PeerError, error);
    }
  }
  return count === 0;
}

const KINDS = {
  "a Remove by value": (room) => room.remove(ANNA, CARL),
  "a Remove by reference": async (room) => {
    await room.leave(CARL);
    await room.commit(BERT);
  },
  "a Remove beside an Add": async (room) => {
    const secrets = await room.keyPackage(DORA);
    await room.commit(ANNA, { remove: [room.at(CARL).leafIndex], add: [secrets.package] });
  },
  "its own resync": (room) => room.resync(CARL),
};

for (const [name, remove] of Object.entries(KINDS)) {
  test(`a device that is removed by ${name} opens nothing of every later byte`, async () => {
    const room = await Room.of(ANNA, BERT, CARL);
    await room.commit(CARL);
    const had = room.at(CARL);

    await remove(room);
    const from = room.sent.length;
    await room.say(ANNA, "secret");
    await room.commit(BERT);
    const later = [room.pending.groupInfo];
    await room.add(ANNA, new Device("late"));
    await room.say(ANNA, "more");
    later.push(room.pending.groupInfo, room.pending.welcome, ...room.sent.slice(from));

    assert.ok(await opensNothing(had, later));
    const exported = (group) => group.export("clawchat/1 signals", new Uint8Array(), 32);
    for (const group of room.groups.values()) assert.notDeepEqual(await exported(group), await exported(had));
  });
}

test("a stolen state opens nothing two path updates later", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const stolen = Group.load(CARL.member(), room.at(CARL).rows(), { rules: RULES });

  await room.commit(CARL);
  await room.commit(ANNA);
  const healed = room.sent.length;
  await room.say(BERT, "after");
  await room.commit(BERT);

  assert.ok(await opensNothing(stolen, room.sent.slice(healed)));
});

test("a used message key is in no row, nor what it came from", async () => {
  const room = await Room.of(ANNA, BERT);
  const tree = room.at(BERT).state.secretTree;
  const [, key, nonce] = await tree.key(0, RatchetKind.APPLICATION, 0);
  const root = toHex([...tree.subtrees.values()][0]);
  assert.ok(stored(room.at(BERT)).includes(root));

  await room.say(ANNA, "once");

  for (const device of [ANNA, BERT]) {
    for (const gone of [toHex(key), toHex(nonce), root]) assert.ok(!stored(room.at(device)).includes(gone));
  }
});

test("keys of an ended epoch are gone with the past", async () => {
  const room = await Room.of(ANNA, BERT);
  const { schedule, keys } = room.at(BERT).state.epoch;
  await room.commit(ANNA);
  await room.commit(BERT);
  const [withPast, without] = [room.at(BERT), room.at(BERT).withoutPast()];

  for (const secret of [...schedule.secrets(), ...keys.values()]) assert.ok(!stored(withPast).includes(toHex(secret)));
  assert.ok(stored(withPast).includes(toHex(withPast.state.past.senderDataSecret)));
  assert.ok(!stored(without).includes(toHex(withPast.state.past.senderDataSecret)));
});

test("what was used up on the way is overwritten, and what is still needed is not", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const before = room.at(BERT).state;
  await room.say(ANNA, "one");
  await room.commit(CARL);
  const group = room.at(BERT);
  const rows = group.rows();

  group.eraseSpent();

  const isZero = (buffer) => buffer.every((octet) => octet === 0);
  assert.ok(before.secretTree.secrets().every(isZero));
  assert.ok(isZero(before.epoch.schedule.initSecret) && isZero(before.epoch.schedule.exporterSecret));
  assert.ok([...before.epoch.keys].every(([node, key]) => isZero(key) || group.state.epoch.keys.get(node) === key));
  const past = group.state.past.secretTree.secrets();
  assert.ok(!past.some(isZero), "the past epoch's ratchets are still needed");
  assert.deepEqual(group.rows(), rows);
  room.at(BERT).withoutPast().eraseSpent();
  assert.ok(past.every(isZero));
});

test("a commit that lost its epoch overwrites nothing that is still needed", async () => {
  const room = await Room.of(ANNA, BERT);
  const lost = await room.make(ANNA);
  lost.group.eraseSpent();
  room.groups.set(ANNA, lost.group);

  await room.commit(BERT);
  room.at(ANNA).eraseSpent();

  await room.say(ANNA, "still here");
  await room.say(BERT, "so am I");
});

test("a thousand messages ahead open, ten skipped ones are kept, each once", async () => {
  const room = await Room.of(ANNA, BERT);
  const messages = [];
  for (let number = 0; number < 1003; number += 1) messages.push(await room.seal(ANNA, String(number)));

  await refuses("key_used", () => room.at(BERT).open(messages[1001]));
  let { group } = await room.at(BERT).open(messages[1000]);
  await refuses("key_used", () => group.open(messages[989]));
  for (let number = 999; number > 989; number -= 1) {
    ({ group } = await group.open(messages[number]));
    group.eraseSpent();
    await refuses("key_used", () => group.open(messages[number]));
  }
  await group.open(messages[1002]);
});

/** The room's suite as far as a step needs it, and every secret that one of its functions gave. */
function watched(watchedName) {
  const made = [];
  const call = (name) => async (...given) => {
    const result = await ROOM_SUITE[name](...given);
    if (name === watchedName) made.push(result);
    return result;
  };
  const names = ["deriveKeyPair", "deriveSecret", "expandWithLabel", "extract"];
  return { made, suite: { Nh: ROOM_SUITE.Nh, ...Object.fromEntries(names.map((name) => [name, call(name)])) } };
}

const isZero = (buffer) => buffer.every((octet) => octet === 0);

test("the secrets of a path are overwritten once the keys are known that come from them", async () => {
  const given = new Uint8Array(ROOM_SUITE.Nh).fill(5);
  const publicKeys = [];
  let secret = given;
  for (let node = 0; node < 2; node += 1) {
    publicKeys.push((await ROOM_SUITE.deriveKeyPair(await ROOM_SUITE.deriveSecret(secret, NODE))).public);
    secret = await ROOM_SUITE.deriveSecret(secret, PATH);
  }
  const { made, suite } = watched("deriveSecret");
  const tree = { suite, parent: (index) => ({ encryptionKey: publicKeys[index] }) };

  const [keys, commitSecret] = await deriveKeys(tree, [0, 1], given);
  assert.deepEqual([keys.size, commitSecret], [2, secret]);
  assert.equal(made.length, 4);
  for (const buffer of [given, ...made]) assert.equal(isZero(buffer), buffer !== commitSecret);
});

test("what the joiner secret and the epoch secret come from is overwritten", async () => {
  const { made, suite } = watched("extract");
  const context = { encode: () => new Uint8Array(1) };
  const [one, other] = [1, 2].map((octet) => new Uint8Array(ROOM_SUITE.Nh).fill(octet));

  const joiner = await joinerSecret(suite, one, other, context);
  const epoch = await epochSecret(suite, joiner, other, context);
  assert.deepEqual([made.length, made.map(isZero)], [2, [true, true]]);
  assert.deepEqual([one, other, joiner, epoch].map(isZero), [false, false, false, false]);
});
