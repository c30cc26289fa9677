// What rooms refuse and other groups do: messages that are not encrypted, proposals of outsiders, pre-shared keys, and
// commits without a path.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, utf8 } from "../../../static/js/bytes.js";
import { envelope } from "../../../static/js/mls/_messages.js";
import { replace } from "../../../static/js/mls/_replace.js";
import { vector, vectorOf } from "../../../static/js/mls/codec.js";
import { Commit } from "../../../static/js/mls/commit.js";
import {
  AuthenticatedContent,
  ContentType,
  FramedContent,
  Sender,
  SenderType,
  WireFormat,
} from "../../../static/js/mls/framing.js";
import { Group } from "../../../static/js/mls/group.js";
import { makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { Credential, CredentialType, Extension, ExtensionType } from "../../../static/js/mls/nodes.js";
import { ProposalList } from "../../../static/js/mls/proposal_list.js";
import {
  Add,
  ExternalInit,
  GroupContextExtensions,
  PreSharedKey,
  ProposalOrRef,
  ReInit,
  Remove,
  Update,
} from "../../../static/js/mls/proposals.js";
import { PreSharedKeyID, PSKType } from "../../../static/js/mls/psk.js";
import { PublicMessage } from "../../../static/js/mls/public_message.js";
import { RatchetTree } from "../../../static/js/mls/ratchet_tree.js";
import { OpenRules, Proposed } from "../../../static/js/mls/rules.js";
import { X25519_SUITE } from "../../../static/js/mls/suite.js";
import { verifyTree } from "../../../static/js/mls/tree_validation.js";
import { refuses } from "../protocol/people.js";
import { dice, member, NOW } from "./members.js";

const NOTHING = new Uint8Array();
const [random, rules] = [dice("open groups"), new OpenRules()];
const [anna, bert, carl, dora, gate] = ["anna", "bert", "carl", "dora", "gate"].map((name) =>
  member(name, X25519_SUITE),
);
const common = { authenticatedData: NOTHING, random, now: NOW };

/** Anna's, Bert's and Carl's group, with a gatekeeper outside who may propose. */
async function openGroup() {
  const credential = new Credential(CredentialType.BASIC, utf8("gate")).encode();
  const senders = vectorOf([concat(vector(gate.signatureKey), credential)]);
  const extensions = [new Extension(ExtensionType.EXTERNAL_SENDERS, senders)];
  const alone = await Group.create(anna, utf8("open"), { extensions, random, now: NOW, rules });
  const secrets = [await makeKeyPackage(bert, NOW, random), await makeKeyPackage(carl, NOW, random)];
  const { next, welcome, groupInfo } = await alone.commit({ ...common, add: secrets.map((each) => each.package) });
  const join = (device, ours) => Group.join(device, ours, welcome, groupInfo, { rules });
  return [next, await join(bert, secrets[0]), await join(carl, secrets[1])];
}

const groups = await openGroup();

/** Content that is signed but not encrypted. */
async function signedContent(group, device, sender, content, changes = {}) {
  const contentType = content instanceof Commit ? ContentType.COMMIT : ContentType.PROPOSAL;
  const framed = new FramedContent(group.groupId, group.epoch, sender, NOTHING, contentType, content);
  const format = WireFormat.PUBLIC_MESSAGE;
  return AuthenticatedContent.sign(X25519_SUITE, device.sign, format, replace(framed, changes), group.context);
}

async function inTheOpen(group, device, sender, content, { key, ...changes } = {}) {
  const signed = await signedContent(group, device, sender, content, changes);
  const tagged = content instanceof Commit ? signed.withTag(new Uint8Array(32)) : signed;
  const membershipKey = key ?? group.state.epoch.schedule.membershipKey;
  const message = await PublicMessage.protect(X25519_SUITE, tagged, membershipKey, group.context);
  return envelope(WireFormat.PUBLIC_MESSAGE, message);
}

async function refusedFor(reason, attempt) {
  await assert.rejects(
    async () => attempt(),
    (error) => error.reason === reason || assert.fail(`${error.reason ?? error.stack}, not ${reason}`),
  );
}

const outside = new Sender(SenderType.EXTERNAL, 0);

test("a proposal of an external sender waits and is committed", async () => {
  const message = await inTheOpen(groups[0], gate, outside, new Remove(2));
  const [hers, his, gone] = await Promise.all(groups.map((group) => group.open(message)));
  assert.deepEqual([hers.kind, hers.sender, hers.leaf, hers.proposals[0].sender], ["proposal", null, null, null]);
  const again = Group.load(anna, hers.group.rows(), { rules });

  const pending = await again.commit(common);

  const opened = await his.group.open(pending.commit);
  assert.deepEqual(opened.group.epochAuthenticator, pending.next.epochAuthenticator);
  assert.deepEqual([opened.proposals[0].sender, opened.proposals[0].byReference], [null, true]);
  assert.equal((await gone.group.open(pending.commit)).kind, "removed");
});

test("outsiders are whom the group names", async () => {
  const [group] = groups;
  const open = async (...what) => group.open(await inTheOpen(group, ...what));
  await refusedFor("sender-type", () => open(gate, new Sender(SenderType.EXTERNAL, 1), new Remove(2)));
  await refuses("unauthentic", () => open(dora, outside, new Remove(2)));
  await refusedFor("sender-type", () => open(gate, new Sender(SenderType.NEW_MEMBER_COMMIT), new Remove(2)));
  await refusedFor("sender-type", () => open(gate, outside, new Commit([], null)));
  const epoch = replace(group.state.epoch, { context: replace(group.context, { extensions: [] }) });
  const bare = new Group(anna, rules, replace(group.state, { epoch }));
  await refusedFor("sender-type", async () => bare.open(await inTheOpen(group, gate, outside, new Remove(2))));
});

test("a newcomer may propose itself, and nothing else", async () => {
  const newcomer = new Sender(SenderType.NEW_MEMBER_PROPOSAL);
  const proposal = new Add((await makeKeyPackage(dora, NOW, random)).package);

  const opened = await groups[0].open(await inTheOpen(groups[0], dora, newcomer, proposal));

  assert.deepEqual([opened.kind, opened.sender, opened.leaf], ["proposal", null, proposal.keyPackage.leafNode]);
  const open = async (...what) => groups[0].open(await inTheOpen(groups[0], ...what));
  await refuses("unauthentic", () => open(carl, newcomer, proposal));
  await refusedFor("sender-type", () => open(dora, newcomer, new Remove(1)));
});

test("members prove that they are members, in this epoch of this group", async () => {
  const [hers, his] = groups;
  const leaving = new Remove(1);
  const said = (index, changes) => inTheOpen(his, bert, Sender.member(index), leaving, changes);
  assert.equal((await hers.open(await said(1))).sender, 1);

  await refuses("unauthentic", async () => hers.open(await said(1, { key: new Uint8Array(32) })));
  await refuses("unauthentic", async () => hers.open(await said(2)));
  await refuses("epoch_gone", async () => hers.open(await said(1, { epoch: 0 })));
  await refusedFor("group", async () => hers.open(await said(1, { groupId: utf8("other") })));
  await refusedFor("leaf-blank", async () => hers.open(await said(3)));
  await refusedFor("own-message", async () => his.open(await said(1)));
});

test("a group of a suite that the rules refuse is neither made nor entered", async () => {
  const none = Object.assign(new OpenRules(), { allowsSuite: () => false });
  const ours = await makeKeyPackage(dora, NOW, random);
  const { welcome, groupInfo } = await groups[0].commit({ ...common, add: [ours.package] });
  const options = { ...common, extensions: [], rules: none };

  await refusedFor("suite", () => Group.create(dora, utf8("open"), options));
  await refusedFor("suite", () => Group.join(dora, ours, welcome, groupInfo, options));
  await refusedFor("suite", () => Group.joinExternally(dora, groupInfo, options));
  await refusedFor("suite", () => Group.joinExternally(member("dora"), groupInfo, { ...common, rules }));
});

/** What a member's commit by value of these proposals is refused for, before its path is looked at. */
async function refusal(reason, ...proposals) {
  const commit = new Commit(
    proposals.map((each) => new ProposalOrRef(each)),
    null,
  );
  const message = await inTheOpen(groups[1], bert, Sender.member(1), commit);
  await refusedFor(reason, () => groups[0].open(message));
}

test("a list of proposals that contradicts itself is refused", async () => {
  const psk = new PreSharedKey(new PreSharedKeyID(PSKType.EXTERNAL, utf8("id"), 0, NOTHING, 0, new Uint8Array(32)));
  const short = new PreSharedKey(new PreSharedKeyID(PSKType.EXTERNAL, utf8("id"), 0, NOTHING, 0, NOTHING));
  const branch = new PreSharedKey(new PreSharedKeyID(PSKType.RESUMPTION, NOTHING, 3, NOTHING, 0, new Uint8Array(32)));
  const reinit = new ReInit(utf8("new"), 1, 1, []);
  const extensions = new GroupContextExtensions([]);
  const { package: known } = await makeKeyPackage(carl, NOW, random);

  await refusal("external-init", new ExternalInit(NOTHING));
  await refusal("extensions-twice", extensions, extensions);
  await refusal("reinit-alone", reinit, new Remove(2));
  await refusal("own-leaf", new Remove(1));
  await refusal("leaf-twice", new Remove(2), new Remove(2));
  await refusal("leaf-blank", new Remove(3));
  await refusal("leaf-blank", new Remove(9));
  await refusal("psk-twice", psk, psk);
  await refusal("psk", short);
  await refusal("psk", branch);
  await refusal("psk-unknown", psk);
  await refusal("signature-key-twice", new Add(known));
  await refusedFor("signature-key-twice", () => groups[0].commit({ ...common, add: [known] }));
  await refusal("no-path", new Remove(2));
  await refusal("no-path");
});

test("references are to what waits, once each", async () => {
  const list = (references) => ProposalList.of(new Commit(references, null), waiting, 0);
  const reference = new ProposalOrRef(null, Uint8Array.of(1));
  const waiting = new Map([["01", new Proposed(new Remove(2), 2, true)]]);

  assert.deepEqual(list([reference]).proposals, [waiting.get("01")]);
  assert.throws(() => list([reference, reference]), { reason: "proposal-twice" });
  assert.throws(() => list([new ProposalOrRef(null, Uint8Array.of(2))]), { reason: "proposal-unknown" });
});

test("an update is its sender's own new leaf", async () => {
  const [group] = groups;
  const { public: publicKey } = await X25519_SUITE.deriveKeyPair(random(32));
  const place = { groupId: group.groupId, leafIndex: 2 };
  const check = (sender, leaf) => {
    const list = new ProposalList([new Proposed(new Update(leaf), sender, true)]);
    return list.check(group.tree, group.context, 0);
  };
  const leaf = await carl.leaf(2, publicKey, place);

  await check(2, leaf);
  await refusedFor("update-sender", () => check(null, leaf));
  await refuses("malformed", async () => check(2, await carl.leaf(2, new Uint8Array(32), place)));
  await refuses("unauthentic", () => check(1, leaf));
  await refusedFor("own-leaf", async () => check(0, await carl.leaf(2, publicKey, { ...place, leafIndex: 0 })));
  const ofCommit = await carl.leaf(3, publicKey, { ...place, parentHash: NOTHING });
  await refusedFor("leaf-source", () => check(2, ofCommit));
  const kept = await carl.leaf(2, group.tree.leaf(2).encryptionKey, place);
  await refusedFor("encryption-key-twice", () => check(2, kept));
});

test("a leaf in a tree from outside speaks of its own extensions", async () => {
  const { public: publicKey } = await X25519_SUITE.deriveKeyPair(random(32));
  const place = (number) => ({ groupId: utf8("open"), leafIndex: 0, extensions: [new Extension(number, NOTHING)] });
  const tree = async (number) => RatchetTree.ofOne(X25519_SUITE, await carl.leaf(2, publicKey, place(number)));

  await verifyTree(await tree(ExtensionType.VOUCHER), utf8("open"));
  await refusedFor("capabilities", async () => verifyTree(await tree(0xf0ff), utf8("open")));
});
