// The validity function by itself: what the steps before it have refused already is refused by it alone, too.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "../../../static/js/bytes.js";
import { replace } from "../../../static/js/mls/_replace.js";
import { LeafNode, ParentNode } from "../../../static/js/mls/nodes.js";
import {
  deviceRevokedMessage,
  revokedData,
  Roles,
  roomExtensions,
  Vouch,
  voucherData,
  voucherExtension,
} from "../../../static/js/mls/profile.js";
import { ExternalInit, GroupContextExtensions, Remove } from "../../../static/js/mls/proposals.js";
import { Judged, Proposed } from "../../../static/js/mls/rules.js";
import { checkCommit, checkKeyPackage, checkTree } from "../../../static/js/mls/validity.js";
import { refuses } from "../protocol/people.js";
import { ANNA, BERT, CARL, DORA, Room, ROOM_ID } from "./room.js";

const NOTHING = new Uint8Array();
/** An ML-KEM coefficient out of range; the rest does not matter. */
const BAD_KEY = new Uint8Array(1216).fill(255);

const room = await Room.of(ANNA, BERT, CARL);
await room.commit(CARL);
const [before, own] = [room.at(BERT), room.at(BERT).leafIndex];
const { next } = await room.make(BERT);
const { tree, context } = next;

/** Bert's commit, which changes nothing but keys, with something else in its place. */
const judge = (changes = {}) =>
  new Judged({
    oldTree: before.tree,
    oldContext: before.context,
    newTree: tree,
    newContext: context,
    committer: own,
    joined: null,
    leaf: tree.member(own),
    proposals: [],
    authenticatedData: room.data(),
    ...changes,
  });

/** The new tree with something else in one place. */
const altered = (index, change) => tree.changed(new Map([[index, change(tree.node(index))]]));
const withKey = (key) => (node) => new ParentNode(key, node?.parentHash ?? NOTHING, []);

/** The leaf with other fields, whose order is that of its class. */
const leafWith = (leaf, fields) => new LeafNode(...Object.values({ ...leaf, ...fields }));

function refusedFor(reason, attempt) {
  assert.throws(attempt, (error) => error.reason === reason || assert.fail(`${error.reason ?? error}, not ${reason}`));
}

test("an honest commit is adopted, by those that stay and by one that goes", () => {
  checkCommit(judge());
  checkCommit(judge({ newTree: null, newContext: null }));
});

test("no leaf of the new tree goes unjudged, whoever put it there", () => {
  const index = 2 * room.at(CARL).leafIndex;
  const stranger = ({ credential }) => ({ credential: replace(credential, { identity: NOTHING }) });
  const longer = ({ credential }) => ({
    credential: replace(credential, { identity: concat(credential.identity, Uint8Array.of(0)) }),
  });
  const kinds = [
    ["identity", stranger],
    ["identity", longer],
    ["certificate", () => ({ signatureKey: DORA.signatureKey })],
    ["certificate", () => ({ signatureKey: NOTHING })],
    ["capabilities", ({ capabilities }) => ({ capabilities: replace(capabilities, { proposals: [10] }) })],
    ["leaf-extensions", () => ({ extensions: [1, 2].map(() => voucherExtension(new Uint8Array(32))) })],
    ["leaf-extensions", () => ({ extensions: [voucherExtension(new Uint8Array(31))] })],
  ];
  for (const [reason, change] of kinds) {
    const newTree = altered(index, (leaf) => leafWith(leaf, change(leaf)));
    refusedFor(reason, () => checkCommit(judge({ newTree })));
    refusedFor(reason, () => checkTree(newTree, context));
  }
});

test("no key of the new tree is there twice or one that nobody may seal to", async () => {
  const twice = altered(tree.root, withKey(tree.node(0).encryptionKey));

  refusedFor("encryption-key-twice", () => checkCommit(judge({ newTree: twice })));
  await refuses("malformed", async () => checkCommit(judge({ newTree: altered(tree.root, withKey(BAD_KEY)) })));
});

test("a path leaf's key is judged by a device that has no new tree, too", async () => {
  const leaf = leafWith(tree.member(own), { encryptionKey: BAD_KEY });

  await refuses("malformed", async () => checkCommit(judge({ leaf, newTree: null, newContext: null })));
});

test("a context that a room cannot have is refused", () => {
  const refused = [
    ["suite", { cipherSuite: 1 }],
    ["group-id", { groupId: new Uint8Array(17) }],
    ["epoch", { epoch: Number.MAX_SAFE_INTEGER }],
    ["context-extensions", { extensions: [...context.extensions].reverse() }],
  ];
  for (const [reason, fields] of refused) {
    refusedFor(reason, () => checkCommit(judge({ newContext: replace(context, fields) })));
  }
});

test("a key package with an init key that nobody may seal to is refused", async () => {
  const { package: honest } = await room.keyPackage(DORA);

  checkKeyPackage(honest);
  await refuses("malformed", async () => checkKeyPackage(replace(honest, { initKey: BAD_KEY })));
});

/** Bert's commit with these proposals by value. */
const propose = (...proposals) => judge({ proposals: proposals.map((each) => new Proposed(each, own, false)) });
const changeRoles = (...roles) => new GroupContextExtensions(roomExtensions(new Roles(...roles)));

test("who may add and is no administrator changes no roles and vouches in their own name alone", () => {
  const [one, other] = [1, 2].map((octet) => new Uint8Array(32).fill(octet));
  const [mine, hers] = [new Vouch(one, BERT.user), new Vouch(other, ANNA.user)];
  const administrators = [ANNA.user];

  checkCommit(propose(changeRoles(true, administrators, [mine])));
  refusedFor("role-change", () => checkCommit(propose(changeRoles(true, [BERT.user]))));
  refusedFor("role-change", () => checkCommit(propose(changeRoles(true, [ANNA.user, BERT.user]))));
  refusedFor("role-change", () => checkCommit(propose(changeRoles(true, []))));
  refusedFor("role-change", () => checkCommit(propose(changeRoles(false, administrators))));
  refusedFor("role-vouch", () => checkCommit(propose(changeRoles(true, administrators, [mine, hers]))));

  const oldContext = replace(before.context, { extensions: roomExtensions(new Roles(true, administrators, [mine])) });
  const renamed = changeRoles(true, administrators, [new Vouch(one, ANNA.user)]);
  refusedFor("role-vouch", () => checkCommit(replace(propose(renamed), { oldContext })));
});

test("an external commit holds its proposals by value", () => {
  const index = room.at(CARL).leafIndex;
  const leaf = tree.member(index);
  const proposals = (...byReference) =>
    [new ExternalInit(NOTHING), new Remove(index)].map((each, at) => new Proposed(each, null, byReference[at]));
  const external = { committer: null, joined: index, leaf };

  checkCommit(judge({ ...external, proposals: proposals(false, false) }));
  refusedFor("external-proposals", () => checkCommit(judge({ ...external, proposals: proposals(false, true) })));
});

test("a voucher ends when its inviter is gone, though every member may add", () => {
  const key = new Uint8Array(32).fill(1);
  const leaf = leafWith(tree.member(room.at(CARL).leafIndex), { extensions: [voucherExtension(key)] });
  const authenticatedData = voucherData(ROOM_ID, new Uint8Array(16), key, new Uint8Array(64));
  const proposals = [new Proposed(new ExternalInit(NOTHING), null, false)];
  const invitedBy = (inviter) => {
    const extensions = roomExtensions(new Roles(true, [ANNA.user], [new Vouch(key, inviter.user)]));
    const oldContext = replace(before.context, { extensions });
    return judge({ committer: null, joined: 3, leaf, proposals, authenticatedData, oldContext });
  };

  refusedFor("voucher-inviter", () => checkCommit(invitedBy(DORA)));
  refusedFor("voucher-proof", () => checkCommit(invitedBy(BERT)));
});

test("a revocation removes by value", () => {
  const index = room.at(CARL).leafIndex;
  const signature = CARL.root.sign(deviceRevokedMessage(CARL.signatureKey));
  const authenticatedData = revokedData(ROOM_ID, new Uint8Array(16), CARL.signatureKey, signature);
  const removal = (sender, byReference) => [new Proposed(new Remove(index), sender, byReference)];

  checkCommit(judge({ authenticatedData, proposals: removal(own, false) }));
  refusedFor("revocation", () => checkCommit(judge({ authenticatedData, proposals: removal(index, true) })));
});
