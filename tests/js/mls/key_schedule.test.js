import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";

import { toHex, utf8 } from "../../../static/js/bytes.js";
import { Reader } from "../../../static/js/mls/codec.js";
import * as schedules from "../../../static/js/mls/key_schedule.js";
import { Extension } from "../../../static/js/mls/nodes.js";
import { PreSharedKeyID, pskSecret, PSKType } from "../../../static/js/mls/psk.js";
import { ROOM_SUITE, X25519_SUITE } from "../../../static/js/mls/suite.js";
import { flipped, refuses } from "../protocol/people.js";

const { GroupContext, KeySchedule } = schedules;
const SUITE = ROOM_SUITE;
const SECRET = new Uint8Array(SUITE.Nh).fill(1);
const NOTHING = new Uint8Array();
const context = (changes = {}) => {
  const { epoch, treeHash } = { epoch: 3, treeHash: utf8("tree"), ...changes };
  return new GroupContext(SUITE.number, utf8("group"), epoch, treeHash, utf8("transcript"), [
    new Extension(7, utf8("data")),
  ]);
};

test("a context reads back, and of version 1 alone", async () => {
  const encoded = context().encode();

  assert.deepEqual(GroupContext.read(new Reader(encoded)), context());
  assert.equal(toHex(encoded.slice(0, 4)), "0001f04e");
  await refuses("malformed", () => GroupContext.read(new Reader(encoded.with(1, 2))));
});

test("nine secrets of one epoch all differ", async () => {
  const [schedule, encryption] = await KeySchedule.derive(SUITE, SECRET);

  assert.equal(new Set([...schedule.secrets(), encryption].map(toHex)).size, 9);
  assert.deepEqual(
    new Set(schedule.secrets().map((secret) => secret.length)),
    new Set([SUITE.Nh]),
  );
});

test("a schedule is stored in one form, and shows in no log", async () => {
  const [schedule] = await KeySchedule.derive(SUITE, SECRET);
  const reader = new Reader(schedule.encode());

  assert.deepEqual(KeySchedule.read(SUITE, reader).encode(), schedule.encode());
  reader.end();
  assert.equal(inspect(schedule).includes("initSecret"), false);
  assert.deepEqual(Object.keys(schedule), ["suite"]);
});

test("a joiner's secret is bound to the context, the commit and the epoch before", async () => {
  const joiner = async (init, commit, changes) =>
    toHex(await schedules.joinerSecret(SUITE, utf8(init), utf8(commit), context(changes)));
  const values = await Promise.all([
    joiner("init", "commit"),
    joiner("inis", "commit"),
    joiner("init", "commis"),
    joiner("init", "commit", { epoch: 4 }),
    joiner("init", "commit", { treeHash: utf8("treee") }),
  ]);

  assert.equal(new Set(values).size, 5);
});

test("the tag of an epoch proves its key", async () => {
  const [schedule] = await KeySchedule.derive(SUITE, SECRET);
  const tag = await schedule.confirmationTag(utf8("hash"));

  await schedule.checkConfirmationTag(utf8("hash"), tag);
  await refuses("unauthentic", () => schedule.checkConfirmationTag(utf8("hasi"), tag));
  await refuses("unauthentic", () => schedule.checkConfirmationTag(utf8("hash"), flipped(tag, 47)));
  const [other] = await KeySchedule.derive(SUITE, flipped(SECRET, 0));
  await refuses("unauthentic", () => other.checkConfirmationTag(utf8("hash"), tag));
});

test("what is exported depends on label, context and length", async () => {
  const [schedule] = await KeySchedule.derive(SUITE, SECRET);
  const values = await Promise.all([
    schedule.export("clawchat/1 signals", NOTHING, 32),
    schedule.export("clawchat/1 signalt", NOTHING, 32),
    schedule.export("clawchat/1 signals", utf8("x"), 32),
    schedule.export("clawchat/1 signals", NOTHING, 31),
  ]);

  assert.deepEqual(values.map((value) => value.length), [32, 32, 32, 31]);
  assert.equal(new Set(values.map((value) => toHex(value.slice(0, 16)))).size, 4);
  await refuses("usage", () => schedule.export("clawchat/1 signals", NOTHING, 49));
});

test("an external commit carries an init secret that only the group finds", async () => {
  for (const suite of [ROOM_SUITE, X25519_SUITE]) {
    const [schedule] = await KeySchedule.derive(suite, new Uint8Array(suite.Nh).fill(1));
    const { public: externalPub } = await schedule.externalKeyPair();
    const [kemOutput, sent] = await schedules.sendExternalInit(suite, externalPub);
    const receive = (secret, output = kemOutput) => schedules.receiveExternalInit(suite, secret, output);

    assert.deepEqual(await receive(schedule.externalSecret), sent);
    assert.notDeepEqual(await receive(flipped(schedule.externalSecret, 0)), sent);
    await refuses("malformed", () => receive(schedule.externalSecret, kemOutput.slice(1)));
    await refuses("malformed", () => schedules.sendExternalInit(suite, externalPub.slice(1)));
  }
});

test("pre-shared keys count in their order, with their whole names", async () => {
  const id = (name, nonce = "nonce") => new PreSharedKeyID(PSKType.EXTERNAL, utf8(name), 0, NOTHING, 0, utf8(nonce));
  const [one, two] = [
    [id("one"), utf8("1")],
    [id("two"), utf8("2")],
  ];
  const lists = [[], [one], [one, two], [two, one], [[id("one", "noncf"), utf8("1")]], [[id("one"), utf8("2")]]];
  const secrets = await Promise.all(lists.map((list) => pskSecret(SUITE, list)));

  assert.deepEqual(secrets[0], new Uint8Array(SUITE.Nh));
  assert.equal(new Set(secrets.map(toHex)).size, lists.length);
});

test("names of pre-shared keys have two types and three uses", async () => {
  const read = (data) => PreSharedKeyID.read(new Reader(data));
  const resumed = new PreSharedKeyID(PSKType.RESUMPTION, NOTHING, 1, utf8("group"), 7, utf8("nonce")).encode();

  assert.deepEqual(read(resumed).encode(), resumed);
  for (const type of [0, 3]) await refuses("malformed", () => read(resumed.with(0, type)));
  for (const usage of [0, 4]) await refuses("malformed", () => read(resumed.with(1, usage)));
});
