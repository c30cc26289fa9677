import assert from "node:assert/strict";
import { test } from "node:test";

import { sameBytes, toHex } from "../../../static/js/bytes.js";
import { Group } from "../../../static/js/standin/group.js";
import { MessageHeader } from "../../../static/js/protocol/message_header.js";
import { newMessageId } from "../../../static/js/protocol/primitives.js";
import { invitation, makePerson, makeRoom, NOW, ROOM, say } from "./people.js";

const text = (opened) => new TextDecoder().decode(opened.payload);
const unauthentic = { code: "unauthentic" };

test("a member reads what another wrote, and who it was", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const [, message] = await say(hers, "good morning");

  const opened = await his.open(message);

  assert.equal(opened.kind, "message");
  assert.equal(text(opened), "good morning");
  assert.deepEqual(opened.sender.identity.userId, alice.userId);
  assert.equal(hers.epoch, 1);
});

test("messages open in any order, each once", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const [second, first] = await say(hers, "one");
  const [, later] = await say(second, "two");

  const two = await his.open(later);
  const one = await two.group.open(first);

  assert.equal(text(two) + text(one), "twoone");
  await assert.rejects(one.group.open(first), unauthentic);
});

test("opening twice from the same group gives the same, for nothing was adopted", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const [, message] = await say(hers, "again");

  assert.equal(text(await his.open(message)), "again");
  assert.equal(text(await his.open(message)), "again");
});

test("the clear header tells room, epoch and message id, and the size comes in steps", async () => {
  const { hers } = await makeRoom(await makePerson(), await makePerson());
  const id = newMessageId(Date.now());

  const short = (await hers.seal(new Uint8Array(10), id)).message;
  const longer = (await hers.seal(new Uint8Array(100), id)).message;
  const long = (await hers.seal(new Uint8Array(300), id)).message;

  const header = MessageHeader.parse(short);
  assert.deepEqual(header.groupId, ROOM);
  assert.deepEqual(header.messageId, id);
  assert.equal(header.epoch, 1);
  assert.equal(short.length, longer.length);
  assert.equal(long.length - short.length, 256);
});

test("a group goes on from its rows, and tells which changed", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const stored = his.rows();

  const [, message] = await say(hers, "stored");
  const loaded = Group.load(bob.device, stored);
  const opened = await loaded.open(message);
  const changed = opened.group.rowsSince(loaded);

  assert.equal(text(opened), "stored");
  assert.deepEqual(Object.keys(changed), ["live"]);
  const reloaded = Group.load(bob.device, { ...stored, ...changed });
  await assert.rejects(reloaded.open(message), unauthentic);
});

test("a message of the epoch before still opens, until the past is dropped", async () => {
  const [alice, bob, carol] = [await makePerson(), await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const [, late] = await say(hers, "late");
  const made = await hers.commit({ add: [await invitation(carol)] }, newMessageId(Date.now()));

  const { group, added } = await his.open(made.commit);

  assert.deepEqual(added.map((member) => toHex(member.identity.userId)), [toHex(carol.userId)]);
  const rows = { ...his.rows(), ...group.rowsSince(his) };
  assert.equal(text(await Group.load(bob.device, rows).open(late)), "late");
  await assert.rejects(group.withoutPast().open(late), unauthentic);
  assert.deepEqual(Object.keys(group.withoutPast().rowsSince(group)), ["live", "past"]);
});

test("keys used between a commit and its acceptance stay used", async () => {
  const [alice, bob, carol] = [await makePerson(), await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const made = await hers.commit({ add: [await invitation(carol)] }, newMessageId(Date.now()));
  const [, between] = await say(his, "between");
  const opened = await made.group.open(between);

  const after = opened.group.adopt(made.next);

  assert.equal(after.epoch, 2);
  await assert.rejects(after.open(between), unauthentic);
});

test("two commits from one epoch are encrypted under different keys, and either can be the one", async () => {
  const [alice, bob, carol] = [await makePerson(), await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const first = await hers.commit({ add: [await invitation(carol)] }, newMessageId(Date.now()));
  const second = await first.group.commit({ add: [await invitation(carol)] }, newMessageId(Date.now()));

  const opened = await his.open(second.commit);

  assert.ok(sameBytes(await opened.group.export("test"), await second.next.export("test")));
  assert.ok(!sameBytes(first.commit, second.commit));
});

test("a group loaded with its pending commit adopts it as if it had stayed", async () => {
  const [alice, bob, carol] = [await makePerson(), await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const made = await hers.commit({ add: [await invitation(carol)] }, newMessageId(Date.now()));
  const [current, next] = [made.group, made.next].map((group) => Group.load(alice.device, group.rows()));

  const after = current.adopt(next);
  const theirs = (await his.open(made.commit)).group;

  const [, message] = await say(theirs, "welcome");
  assert.equal(text(await after.open(message)), "welcome");
});

test("whoever is removed learns it and reads nothing further", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const { hers, his } = await makeRoom(alice, bob);
  const made = await hers.commit({ remove: [1] }, newMessageId(Date.now()));

  const opened = await his.open(made.commit);
  const [, message] = await say(made.group.adopt(made.next), "alone");

  assert.equal(opened.kind, "removed");
  await assert.rejects(opened.group.open(message), unauthentic);
});

test("mallory's changes to a message are refused and leave the group as it was", async () => {
  const { hers, his } = await makeRoom(await makePerson(), await makePerson());
  const [, message] = await say(hers, "honest");

  for (const position of [30, 60, message.length - 1]) {
    const changed = message.slice();
    changed[position] ^= 1;
    await assert.rejects(his.open(changed), ({ code }) => code === "unauthentic" || code === "malformed");
  }
  await assert.rejects(his.open(message.slice(0, -1)), { code: "malformed" });
  await assert.rejects(his.open(Uint8Array.of(...message, 0)), { code: "malformed" });

  assert.equal(text(await his.open(message)), "honest");
});

test("charlie's certificate for another key gets him into no group", async () => {
  const [alice, bob] = [await makePerson(), await makePerson()];
  const charlie = await makePerson({ certifies: bob.publicKey });
  const { hers } = await makeRoom(alice, bob);

  await assert.rejects(hers.commit({ add: [await invitation(charlie)] }, newMessageId(1)), unauthentic);
});

test("a key package must be of the device and person it was asked for", async () => {
  const [alice, bob, carol] = [await makePerson(), await makePerson(), await makePerson()];
  const { hers } = await makeRoom(alice, bob);
  const package_ = await invitation(carol);

  const commit = (changes) => hers.commit({ add: [{ ...package_, ...changes }] }, newMessageId(1));
  await assert.rejects(commit({ publicKey: bob.publicKey }), unauthentic);
  await assert.rejects(commit({ userId: bob.userId }), unauthentic);
  await assert.rejects(commit({ packageBytes: (await invitation(carol, NOW - 90 * 86400)).packageBytes }));
});
