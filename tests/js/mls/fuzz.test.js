// Every decoder of what comes from outside: it gives back the bytes it was given, or says malformed; nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { concat, utf8 } from "../../../static/js/bytes.js";
import { Reader, vectorOf } from "../../../static/js/mls/codec.js";
import { Commit } from "../../../static/js/mls/commit.js";
import { AuthenticatedContent, FramedContent, MLSMessage } from "../../../static/js/mls/framing.js";
import { Group } from "../../../static/js/mls/group.js";
import { GroupInfo } from "../../../static/js/mls/group_info.js";
import { KeyPackage, KeyPackageSecrets, makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { GroupContext, KeySchedule } from "../../../static/js/mls/key_schedule.js";
import * as nodes from "../../../static/js/mls/nodes.js";
import { PrivateMessage, SenderData } from "../../../static/js/mls/private_message.js";
import {
  ExternalInit,
  GroupContextExtensions,
  ReInit,
  Remove,
  readProposal,
} from "../../../static/js/mls/proposals.js";
import { PreSharedKeyID } from "../../../static/js/mls/psk.js";
import { PublicMessage } from "../../../static/js/mls/public_message.js";
import { RatchetTree } from "../../../static/js/mls/ratchet_tree.js";
import { OpenRules } from "../../../static/js/mls/rules.js";
import { SecretTree } from "../../../static/js/mls/secret_tree.js";
import { X25519_SUITE } from "../../../static/js/mls/suite.js";
import { GroupSecrets, Welcome } from "../../../static/js/mls/welcome.js";
import { dice, member, NOW } from "./members.js";

const SUITE = X25519_SUITE;
const RUNS = { numRuns: 250, seed: 20_261_122 };
const body = (message) => MLSMessage.parse(message).body;

/** Reads to the end with a reader's decoder. */
const whole = (read) => (data) => {
  const reader = new Reader(data);
  const value = read(reader);
  reader.end();
  return value;
};

/** A group of two with a third invited: examples of everything that travels. */
async function examples() {
  const [rules, random, authenticatedData] = [new OpenRules(), dice("fuzz"), utf8("data")];
  const [ada, ben] = [member("ada", SUITE), member("ben", SUITE)];
  const bens = await makeKeyPackage(ben, NOW, random);
  const group = await Group.create(ada, utf8("group"), { extensions: [], random, now: NOW, rules });
  const made = await group.commit({ add: [bens.package], authenticatedData, random, now: NOW });
  const adas = group.adopt(made.next);
  const [sent, text] = await adas.seal(utf8("hello"), authenticatedData, { random });
  const [, leaving] = await adas.proposeRemovalOfSelf(authenticatedData, { random });
  const entering = await Group.joinExternally(member("cleo", SUITE), made.groupInfo, {
    authenticatedData,
    random,
    now: NOW,
    rules,
  });
  const content = PublicMessage.parse(body(entering.commit)).authenticated;
  const parts = { group: sent, bens, text, leaving, made, entering, content };
  return { ...parts, commit: content.content.content, context: adas.context, tree: adas.tree };
}

const found = await examples();
const pskIds = [
  new PreSharedKeyID(1, utf8("id"), 0, new Uint8Array(), 0, utf8("nonce")),
  new PreSharedKeyID(2, new Uint8Array(), 3, utf8("group"), 7, utf8("nonce")),
];

/** Name, decoder, encodings to begin with. */
const DECODERS = [
  ["MLSMessage", MLSMessage.parse, [found.text, found.made.commit, found.made.welcome, found.made.groupInfo]],
  ["PrivateMessage", PrivateMessage.parse, [found.text, found.made.commit, found.leaving].map(body)],
  ["PublicMessage", PublicMessage.parse, [body(found.entering.commit)]],
  ["Welcome", whole(Welcome.read), [body(found.made.welcome)]],
  ["GroupInfo", GroupInfo.parse, [body(found.made.groupInfo)]],
  ["GroupSecrets", GroupSecrets.parse, [new GroupSecrets(utf8("joiner"), utf8("path"), pskIds).encode()]],
  ["KeyPackage", whole(KeyPackage.read), [found.bens.package.encode()]],
  ["KeyPackageSecrets", KeyPackageSecrets.parse, [found.bens.encode()]],
  ["LeafNode", whole(nodes.LeafNode.read), found.tree.leaves().map(({ leaf }) => leaf.encode())],
  ["ParentNode", whole(nodes.ParentNode.read), [new nodes.ParentNode(utf8("key"), utf8("hash"), [1, 7]).encode()]],
  ["GroupContext", whole(GroupContext.read), [found.context.encode()]],
  ["Commit", whole(Commit.read), [found.commit.encode()]],
  ["FramedContent", whole(FramedContent.read), [found.content.content.encode()]],
  ["AuthenticatedContent", whole(AuthenticatedContent.read), [found.content.encode()]],
  ["SenderData", SenderData.parse, [new SenderData(1, 2, new Uint8Array(4)).encode()]],
  ["PreSharedKeyID", whole(PreSharedKeyID.read), pskIds.map((id) => id.encode())],
  [
    "Proposal",
    whole(readProposal),
    [
      ...found.commit.proposals.map(({ proposal }) => proposal.encode()),
      new Remove(3).encode(),
      new ExternalInit(utf8("kem")).encode(),
      new GroupContextExtensions([new nodes.Extension(7, utf8("data"))]).encode(),
      new ReInit(utf8("group"), 1, 1, []).encode(),
    ],
  ],
  ["RatchetTree", (data) => RatchetTree.parse(SUITE, data), [found.tree.encode(), found.entering.next.tree.encode()]],
  ["SecretTree", whole((reader) => SecretTree.read(SUITE, reader)), [found.group.state.secretTree.encode()]],
  ["KeySchedule", whole((reader) => KeySchedule.read(SUITE, reader)), [found.group.state.epoch.schedule.encode()]],
  [
    "vector of nodes",
    (data) => ({ nodes: whole((reader) => reader.vectorOf(nodes.readNode))(data), encode: encodeNodes }),
    [found.tree.encode()],
  ],
];

function encodeNodes() {
  return vectorOf(this.nodes.map(nodes.encodeNode));
}

/** A known encoding with a few bytes changed, put in, taken out or cut off; or any bytes at all. */
function damaged(known) {
  const change = fc.record({
    at: fc.nat({ max: Math.max(...known.map((each) => each.length)) }),
    take: fc.constantFrom(0, 0, 1, 1, 1, 2, 7),
    put: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(...["80000000", "4000", "ffffffff"].map(hex))),
  });
  const edited = fc.tuple(fc.constantFrom(...known), fc.array(change, { minLength: 1, maxLength: 3 }));
  return fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    edited.map(([data, changes]) =>
      changes.reduce((now, { at, take, put }) => concat(now.slice(0, at), put, now.slice(at + take)), data),
    ),
  );
}

function hex(text) {
  return Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
}

/** Written by ourselves and sealed: nobody else's spelling of them has to be refused. */
const STORED = ["SecretTree"];

function readsBackOrRefuses(name, decode, data) {
  let value;
  try {
    value = decode(data);
  } catch (error) {
    assert.ok(["malformed", "unsupported_version"].includes(error.code), error.stack);
    return;
  }
  if (!STORED.includes(name)) assert.deepEqual(value.encode(), data);
}

for (const [name, decode, known] of DECODERS) {
  test(`${name}: what reads encodes back, and the rest is malformed`, () => {
    for (const data of known) assert.deepEqual(decode(data).encode(), data);
    fc.assert(
      fc.property(damaged(known), (data) => readsBackOrRefuses(name, decode, data)),
      RUNS,
    );
  });

  test(`${name}: no beginning of it reads, nor does it with one byte more`, () => {
    // An envelope's body is anything, to its end.
    if (name === "MLSMessage") return;
    for (const data of known) {
      const lengths = Array.from({ length: Math.min(data.length, 200) }, (_, index) => data.length - 1 - index);
      for (const length of lengths) assert.throws(() => decode(data.slice(0, length)), { code: "malformed" });
      assert.throws(() => decode(concat(data, Uint8Array.of(0))), { code: "malformed" });
    }
  });
}

test("damaged messages never change a group, and fail by a name", async () => {
  const errors = ["malformed", "unauthentic", "invalid", "epoch_gone", "key_used"];
  const known = [found.text, found.made.commit, found.leaving, found.entering.commit, found.made.welcome];
  const rows = JSON.stringify(found.group.rows());
  await fc.assert(
    fc.asyncProperty(damaged(known), async (data) => {
      try {
        await found.group.open(data);
      } catch (error) {
        assert.ok(errors.includes(error.code), error.stack);
      }
      assert.equal(JSON.stringify(found.group.rows()), rows);
    }),
    { ...RUNS, numRuns: 150 },
  );
});
