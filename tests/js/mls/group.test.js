// A group from its first epoch on: who joins, who goes, and what each of them reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, sameBytes, toHex, utf8 } from "../../../static/js/bytes.js";
import { encrypt, envelope, signContent } from "../../../static/js/mls/_messages.js";
import { replace } from "../../../static/js/mls/_replace.js";
import { u16 } from "../../../static/js/mls/codec.js";
import { Commit } from "../../../static/js/mls/commit.js";
import { ContentType, WireFormat } from "../../../static/js/mls/framing.js";
import { Group } from "../../../static/js/mls/group.js";
import { GroupInfo } from "../../../static/js/mls/group_info.js";
import { LIFETIME_SECONDS } from "../../../static/js/mls/key_package.js";
import { Extension, ExtensionType } from "../../../static/js/mls/nodes.js";
import { memberData } from "../../../static/js/mls/profile.js";
import { ProposalOrRef, Remove } from "../../../static/js/mls/proposals.js";
import { OpenRules } from "../../../static/js/mls/rules.js";
import { ROOM_SUITE, X25519_SUITE } from "../../../static/js/mls/suite.js";
import { makeWelcome } from "../../../static/js/mls/welcome.js";
import { flipped, refuses } from "../protocol/people.js";
import { NOW } from "./members.js";
import { ANNA, BERT, CARL, Device, devices, DORA, Room, ROOM_ID, RULES } from "./room.js";

/** The attempt is refused by a rule of this name. */
async function refusedFor(reason, attempt) {
  await assert.rejects(
    async () => attempt(),
    (error) => {
      assert.equal(error.reason, reason, `${error.name}: ${error.message}`);
      return true;
    },
  );
}

const replaceExtensions = ({ groupContext, confirmationTag, signer }, extensions) =>
  new GroupInfo(groupContext, extensions, confirmationTag, signer);

const reloaded = (group) => Group.load(group.member, group.rows(), { rules: RULES });

test("three devices read each other and know who it was", async () => {
  const room = await Room.of(ANNA, BERT, CARL);

  for (const speaker of [ANNA, BERT, CARL]) {
    for (const [device, opened] of await room.say(speaker, speaker.person)) {
      assert.deepEqual([opened.kind, opened.payload], ["message", utf8(speaker.person)]);
      assert.deepEqual([opened.sender, opened.epoch], [room.at(speaker).leafIndex, room.at(device).epoch]);
      assert.deepEqual(opened.leaf.signatureKey, speaker.signatureKey);
    }
  }
});

test("a group goes through adds, updates and removes as one group", async () => {
  const people = devices(9);
  const late = new Device("late");
  const room = await Room.of(people[0], ...people.slice(1, 4));
  for (const device of people.slice(4)) await room.add(people[1], device);
  for (const device of people) await room.commit(device);
  await room.remove(people[0], people[3], people[8]);
  await room.commit(people[2]);
  await room.add(people[7], late);
  await room.say(late, "here");

  assert.equal(room.at(people[0]).members.length, 8);
  assert.equal(room.at(late).leafIndex, 3);
});

test("a device alone renews its keys, and adds others after all had gone", async () => {
  const room = await Room.of(ANNA);
  await room.commit(ANNA);
  await room.add(ANNA, BERT, CARL);
  await room.remove(ANNA, BERT, CARL);
  await room.commit(ANNA);
  await room.add(ANNA, BERT);

  assert.deepEqual([room.at(ANNA).epoch, room.at(BERT).leafIndex, room.at(BERT).tree.leafCount], [5, 1, 2]);
});

test("a commit that needs a path and has none is refused, by the RFC alone", async () => {
  const room = await Room.of(ANNA, BERT);
  const { member, state } = room.at(ANNA);
  const lacking = new Commit([new ProposalOrRef(new Remove(1))], null);
  const signed = await signContent(member, state, room.data(), ContentType.COMMIT, lacking);
  const [, message] = await encrypt(member, state, signed.withTag(new Uint8Array(48)), room.random);
  const open = (group) => new Group(group.member, new OpenRules(), group.state).open(message);

  await refusedFor("no-path", () => open(room.at(BERT)));
});

test("a commit tells who came and who went", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const secrets = await room.keyPackage(DORA);

  const opened = await room.commit(ANNA, { remove: [room.at(CARL).leafIndex], add: [secrets.package] });

  assert.equal(opened.get(CARL).kind, "removed");
  const { removed, added, proposals } = opened.get(BERT);
  assert.deepEqual([removed[0].leaf.signatureKey, added[0].leaf.signatureKey], [CARL.signatureKey, DORA.signatureKey]);
  assert.deepEqual(
    proposals.map(({ sender, byReference }) => [sender, byReference]),
    [
      [0, false],
      [0, false],
    ],
  );
});

test("a device that leaves is removed by the next commit, and nobody sends before", async () => {
  const room = await Room.of(ANNA, BERT, CARL);

  const opened = await room.leave(CARL);

  assert.equal(opened.get(ANNA).kind, "proposal");
  for (const device of [ANNA, CARL]) {
    assert.equal(reloaded(room.at(device)).pendingProposals, 1);
    await refuses("usage", () => room.seal(device, ""));
  }
  await refuses("usage", () => room.make(CARL));
  const taken = await room.commit(BERT);
  assert.equal(taken.get(CARL).kind, "removed");
  assert.deepEqual(
    taken.get(ANNA).proposals.map((each) => each.byReference),
    [true],
  );
  assert.equal(room.at(ANNA).pendingProposals, 0);
});

test("asking twice to leave is committed once, beside a Remove by value", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  for (let time = 0; time < 2; time += 1) await room.leave(CARL);

  const opened = await room.commit(ANNA, { remove: [room.at(CARL).leafIndex] });

  assert.equal(opened.get(BERT).proposals.length, 1);
});

test("two commits of one state are under two keys, and the loser is dropped", async () => {
  const room = await Room.of(ANNA, BERT);
  const first = await room.make(ANNA);
  room.groups.set(ANNA, first.group);

  const second = await room.make(ANNA);

  const after = (await room.at(BERT).open(first.commit)).group;
  assert.equal((await room.at(BERT).open(second.commit)).kind, "commit");
  await refuses("epoch_gone", () => after.open(second.commit));
});

test("adopting keeps what was opened meanwhile", async () => {
  const room = await Room.of(ANNA, BERT);
  const [message, late] = [await room.seal(BERT, "first"), await room.seal(BERT, "second")];
  const pending = await room.make(ANNA);
  const { group: moved } = await pending.group.open(message);

  const group = moved.adopt(Group.load(ANNA.member(), pending.next.rows(), { rules: RULES }));

  await refuses("key_used", () => group.open(message));
  assert.deepEqual((await group.open(late)).payload, utf8("second"));
  await room.commit(BERT);
  assert.throws(() => room.at(ANNA).adopt(pending.next), { code: "usage" });
});

test("the past epoch opens messages until it is erased", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const older = await room.seal(CARL, "older");
  await room.commit(ANNA);
  const [message, lost] = [await room.seal(CARL, "late"), await room.seal(CARL, "lost")];
  const lateCommit = (await room.make(BERT)).commit;
  await room.commit(ANNA);

  const opened = await reloaded(room.at(BERT)).open(message);

  assert.deepEqual([opened.payload, opened.epoch], [utf8("late"), room.at(BERT).epoch - 1]);
  assert.equal(opened.sender, room.at(CARL).leafIndex);
  await refuses("key_used", () => opened.group.open(message));
  for (const gone of [older, lateCommit]) await refuses("epoch_gone", () => room.at(ANNA).open(gone));
  const without = room.at(BERT).withoutPast();
  assert.deepEqual([room.at(BERT).hasPast, without.hasPast, without.rows().past], [true, false, null]);
  await refuses("epoch_gone", () => without.open(lost));
});

test("a message with the data of another room is refused, in its epoch and after", async () => {
  const room = await Room.of(ANNA, BERT);
  const data = memberData(new Uint8Array(16), room.random(16));
  const [group, message] = await room.at(ANNA).seal(utf8(""), data, { random: room.random });
  room.groups.set(ANNA, group);

  await refusedFor("data-room", () => room.at(BERT).open(message));
  await room.commit(ANNA);
  await refusedFor("data-room", () => room.at(BERT).open(message));
});

test("our own messages do not open, nor a clone's", async () => {
  const room = await Room.of(ANNA, BERT);
  const clone = room.at(ANNA);
  const message = await room.seal(ANNA, "once");
  const [cloned, first] = await clone.seal(utf8("clone"), room.data(), { random: room.random });
  const [, second] = await cloned.seal(utf8("clone"), room.data(), { random: room.random });

  for (const own of [message, first]) await refuses("key_used", () => room.at(ANNA).open(own));
  await refusedFor("own-message", () => room.at(ANNA).open(second));
});

test("a damaged message or commit changes nothing, and still opens as it was made", async () => {
  const room = await Room.of(ANNA, BERT);
  const { commit } = await room.make(ANNA);
  const message = await room.seal(ANNA, "fine");
  const group = room.at(BERT);
  const rows = group.rows();

  for (let at = 0; at < message.length; at += 7) await assert.rejects(group.open(flipped(message, at)));
  for (let at = 0; at < commit.length; at += 97) await assert.rejects(group.open(flipped(commit, at, 0x40)));

  assert.deepEqual(group.rows(), rows);
  assert.deepEqual((await group.open(message)).payload, utf8("fine"));
  assert.equal((await group.open(commit)).kind, "commit");
});

test("exporter and authenticator are everybody's and of the epoch", async () => {
  const room = await Room.of(ANNA, BERT);
  const exported = (device) => room.at(device).export("clawchat/1 signals", new Uint8Array(), 32);
  const before = await exported(ANNA);
  assert.deepEqual(await exported(BERT), before);

  await room.commit(BERT);

  assert.notDeepEqual(await exported(ANNA), before);
  assert.deepEqual(await exported(ANNA), await exported(BERT));
});

test("an identity is renewed by a commit, and stays", async () => {
  const room = await Room.of(ANNA, BERT);
  const renewed = ANNA.identity(NOW + 63_072_000);

  await room.commit(ANNA, { identity: renewed });
  await room.commit(ANNA);

  assert.deepEqual(room.at(BERT).tree.leaf(0).credential.identity, renewed);
});

test("a key package is added within its lifetime only", async () => {
  const room = await Room.of(ANNA, BERT);
  const secrets = await room.keyPackage(CARL);

  for (const now of [NOW - 3601, NOW + LIFETIME_SECONDS + 1]) {
    await refusedFor("lifetime", () => room.make(ANNA, { add: [secrets.package], now }));
  }
});

test("a commit that others would refuse is not made", async () => {
  const room = await Room.of(ANNA, BERT);
  const { package: honest } = await room.keyPackage(CARL);
  const forged = replace(honest, { signature: flipped(honest.signature, 9) });

  await refuses("unauthentic", () => room.make(ANNA, { add: [forged] }));
  await refusedFor("own-leaf", () => room.make(ANNA, { remove: [0] }));
  await refusedFor("leaf-blank", () => room.make(ANNA, { remove: [7] }));
  const { package: again } = await room.keyPackage(BERT);
  await refusedFor("signature-key-twice", () => room.make(ANNA, { add: [again] }));
  await refusedFor("role-remove", () => room.make(BERT, { remove: [0] }));
});

test("a Welcome is for its key package and its epoch's tree", async () => {
  const room = await Room.of(ANNA, BERT);
  const [secrets, others] = [await room.keyPackage(CARL), await room.keyPackage(DORA)];
  const older = await room.at(ANNA).groupInfo();
  await room.commit(ANNA, { add: [secrets.package] });
  const { welcome, groupInfo } = room.pending;
  const join = (device, ours, info) => Group.join(device.member(), ours, welcome, info, { rules: RULES });

  await refusedFor("not-for-us", () => join(DORA, others, groupInfo));
  await refusedFor("tree-hash", () => join(CARL, secrets, older));
  await refusedFor("no-tree", () => join(CARL, secrets, null));
  assert.equal((await join(CARL, secrets, groupInfo)).epoch, room.at(ANNA).epoch);
});

test("a Welcome to a tree without us is refused, and so are envelopes of another kind", async () => {
  const room = await Room.of(ANNA, BERT);
  const ours = await room.keyPackage(CARL);
  const info = await room.at(ANNA).state.epoch.groupInfo(ANNA.member(), { forEverybody: false });
  const secret = new Uint8Array(48);
  const made = await makeWelcome(ROOM_SUITE, [ours.package], secret, info, () => null, secret);
  const [welcome, groupInfo] = [envelope(WireFormat.WELCOME, made), await room.at(ANNA).groupInfo()];
  const join = (message, tree) => Group.join(CARL.member(), ours, message, tree, { rules: RULES });
  const relabelled = (message, format) => message.map((octet, at) => (at === 3 ? format : octet));

  await refusedFor("not-in-tree", () => join(welcome, groupInfo));
  const elsewhere = concat(welcome.slice(0, 4), u16(X25519_SUITE.number), welcome.slice(6));
  const open = { rules: new OpenRules() };
  await refusedFor("welcome-suite", () => Group.join(CARL.member(), ours, elsewhere, groupInfo, open));
  const longer = new Extension(ExtensionType.EXTERNAL_PUB, Uint8Array.of(1, 7, 0));
  await refuses("malformed", () => replaceExtensions(info, [longer]).externalPub());
  await refuses("malformed", () => join(relabelled(welcome, WireFormat.KEY_PACKAGE), groupInfo));
  await refuses("malformed", () => join(welcome, relabelled(groupInfo, WireFormat.KEY_PACKAGE)));
});

test("a device that lost its state takes its own place, and its old state is out", async () => {
  const room = await Room.of(ANNA, BERT, CARL);
  const [old, place] = [room.at(BERT), room.at(BERT).leafIndex];

  const opened = await room.resync(BERT);

  assert.equal(room.at(BERT).leafIndex, place);
  const { sender, added, removed, leaf } = opened.get(ANNA);
  assert.deepEqual([sender, added[0].index, removed[0].index], [null, place, place]);
  assert.ok(sameBytes(leaf.signatureKey, BERT.signatureKey));
  assert.equal((await old.open(room.pending.commit)).kind, "removed");
  await room.say(BERT, "back");
  await room.commit(BERT);
});

test("only external commits come unencrypted, and whatever is no message is malformed", async () => {
  const room = await Room.of(ANNA, BERT);
  const message = await room.seal(ANNA, "");
  const renamed = flipped(message, message.findIndex((_, at) => sameBytes(message.slice(at, at + 16), ROOM_ID)));

  await refusedFor("group", () => room.at(BERT).open(renamed));
  for (const data of [new Uint8Array(), Uint8Array.of(0, 1), room.pending.groupInfo, room.pending.welcome]) {
    await refuses("malformed", () => room.at(ANNA).open(data));
  }
});

test("rows of two moments are not put together", async () => {
  const room = await Room.of(ANNA, BERT);
  const before = room.at(ANNA);
  await room.commit(BERT);
  const group = room.at(ANNA);
  const load = (rows) => () => Group.load(ANNA.member(), rows, { rules: RULES });

  assert.throws(load({ ...group.rows(), live: before.rows().live }), { code: "malformed" });
  assert.throws(load({ ...group.rows(), past: before.rows().past ?? group.rows().live }), { code: "malformed" });
  assert.throws(load({ ...group.rows(), epoch: undefined }), { code: "malformed" });
  for (const row of ["epoch", "live", "past"]) {
    const longer = concat(group.rows()[row], Uint8Array.of(0));
    assert.throws(load({ ...group.rows(), [row]: longer }), { code: "malformed" });
  }
  const elsewhere = replace(ANNA.member(), { suite: X25519_SUITE });
  assert.throws(() => Group.load(elsewhere, group.rows(), { rules: RULES }), { code: "malformed" });
  assert.throws(load({ ...group.rows(), live: flipped(group.rows().live, 0, 2) }), { code: "unsupported_version" });
});

test("only rows that changed are written", async () => {
  const room = await Room.of(ANNA, BERT);
  const before = room.at(ANNA);
  await room.say(ANNA, "hello");
  const said = room.at(ANNA);
  await room.commit(BERT);

  assert.deepEqual(Object.keys(said.rowsSince(before)), ["live"]);
  assert.deepEqual(Object.keys(room.at(ANNA).rowsSince(said)), ["epoch", "live", "past"]);
  assert.deepEqual(room.at(ANNA).withoutPast().rowsSince(room.at(ANNA)), { past: null });
});

test("nothing of a group that is listed or put into JSON is a key", async () => {
  const room = await Room.of(ANNA, BERT);
  const { schedule, keys } = room.at(ANNA).state.epoch;

  const shown = JSON.stringify(room.at(ANNA));

  for (const secret of [...keys.values(), schedule.initSecret]) {
    assert.ok(!shown.includes(toHex(secret)) && !shown.includes(JSON.stringify(secret)));
  }
});
