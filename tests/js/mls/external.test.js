// Entering by oneself, in the three forms a room knows, and what others see of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../../../static/js/bytes.js";
import { Group } from "../../../static/js/mls/group.js";
import {
  joinMessage,
  ownDeviceData,
  resyncData,
  Roles,
  roomExtensions,
  Vouch,
  vouchedMessage,
  voucherData,
  voucherExtension,
} from "../../../static/js/mls/profile.js";
import { OpenRules } from "../../../static/js/mls/rules.js";
import { ed25519Public, ed25519Sign, sha256 } from "../../../static/js/protocol/primitives.js";
import { flipped, refuses } from "../protocol/people.js";
import { NOW } from "./members.js";
import { ANNA, BERT, CARL, Device, DORA, Room, ROOM_ID, RULES } from "./room.js";

/** The external commit of a device, from Anna's GroupInfo. */
async function enter(device, room, options = {}) {
  const authenticatedData = resyncData(ROOM_ID, room.random(16));
  const common = { authenticatedData, random: room.random, now: NOW, rules: RULES };
  return Group.joinExternally(device.member(), await room.at(ANNA).groupInfo(), { ...common, ...options });
}

/** Everybody adopts it, and they are one group. */
async function entered(device, room, pending) {
  const opened = await room.deliver(pending.commit, device);
  room.groups.set(device, pending.next);
  room.check();
  return opened;
}

const isInvalid = { code: "invalid" };

test("a newcomer enters by a voucher, once", async () => {
  const seed = sha256(utf8("voucher"));
  const vouch = ed25519Public(seed);
  const room = await Room.of(ANNA, BERT);
  const roles = new Roles(true, [ANNA.user], [new Vouch(vouch, ANNA.user)]);
  await room.commit(ANNA, { extensions: roomExtensions(roles) });
  const withVoucher = (device) => {
    const proof = ed25519Sign(seed, vouchedMessage(ROOM_ID, vouch, device.signatureKey));
    const authenticatedData = voucherData(ROOM_ID, room.random(16), vouch, proof);
    return { authenticatedData, leafExtensions: [voucherExtension(vouch)] };
  };

  const opened = await entered(CARL, room, await enter(CARL, room, withVoucher(CARL)));

  assert.deepEqual([opened.get(BERT).sender, opened.get(BERT).added[0].index], [null, 2]);
  await room.say(CARL, "here");
  await room.commit(CARL);
  assert.deepEqual(room.at(BERT).tree.leaf(2).extensions, [voucherExtension(vouch)]);
  await assert.rejects(enter(DORA, room, withVoucher(DORA)), isInvalid);
});

test("another device of a member enters by their root's word", async () => {
  const room = await Room.of(ANNA, BERT);
  const laptop = Object.assign(new Device("anna's laptop"), { root: ANNA.root, user: ANNA.user });
  const data = (epoch) => {
    const proof = ANNA.root.sign(joinMessage(ROOM_ID, epoch, laptop.signatureKey));
    return { authenticatedData: ownDeviceData(ROOM_ID, room.random(16), proof) };
  };

  await assert.rejects(enter(laptop, room, data(room.at(ANNA).epoch + 1)), isInvalid);
  await entered(laptop, room, await enter(laptop, room, data(room.at(ANNA).epoch)));

  await room.say(laptop, "also me");
  assert.equal(room.at(BERT).members.length, 3);
});

test("a stranger is refused by its own library and by every member", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const rules = new OpenRules();

  await assert.rejects(enter(DORA, room), isInvalid);
  for (const remove of [null, room.at(BERT).leafIndex]) {
    const { commit } = await enter(DORA, room, { rules, remove });
    await assert.rejects(room.at(CARL).open(commit), isInvalid);
  }
});

test("an external commit is for one epoch, changes nothing when damaged, and is stored like any state", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const pending = await enter(BERT, room, { remove: room.at(BERT).leafIndex });
  const rows = room.at(ANNA).rows();
  for (let at = 0; at < pending.commit.length; at += 41) {
    await assert.rejects(room.at(ANNA).open(flipped(pending.commit, at, 2)));
  }
  assert.deepEqual(room.at(ANNA).rows(), rows);
  assert.deepEqual([pending.group, pending.welcome, pending.next.hasPast], [null, null, false]);

  room.groups.delete(BERT);
  const again = Group.load(BERT.member(), pending.next.rows(), { rules: RULES });
  await entered(BERT, room, { ...pending, next: again });

  await room.say(BERT, "back");
  await refuses("epoch_gone", () => room.at(ANNA).open(pending.commit));
});

test("a GroupInfo is refused wherever a bit of it is wrong", async () => {
  const room = await Room.of(ANNA, BERT);
  const groupInfo = await room.at(ANNA).groupInfo();
  const authenticatedData = resyncData(ROOM_ID, room.random(16));
  const options = { authenticatedData, remove: 1, random: room.random, now: NOW, rules: RULES };

  for (let at = 0; at < groupInfo.length; at += 211) {
    await assert.rejects(Group.joinExternally(BERT.member(), flipped(groupInfo, at, 0x20), options));
  }
  assert.equal((await Group.joinExternally(BERT.member(), groupInfo, options)).next.leafIndex, 1);
});

test("an external commit to another room is refused before anything of it is judged", async () => {
  const room = await Room.of(ANNA, BERT);
  const { commit } = await enter(BERT, room, { remove: 1 });
  const other = commit.slice();
  other[5] ^= 1;

  await assert.rejects(room.at(ANNA).open(other), (error) => error.reason === "group");
});
