import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, utf8 } from "../../../static/js/bytes.js";
import { Reader, u8, u32, u64, vector } from "../../../static/js/mls/codec.js";
import { Commit } from "../../../static/js/mls/commit.js";
import {
  AuthenticatedContent,
  ContentType,
  FramedContent,
  MLSMessage,
  Sender,
  SenderType,
  WireFormat,
} from "../../../static/js/mls/framing.js";
import { GroupContext } from "../../../static/js/mls/key_schedule.js";
import { PrivateMessage, senderDataKey } from "../../../static/js/mls/private_message.js";
import { Remove } from "../../../static/js/mls/proposals.js";
import { PublicMessage } from "../../../static/js/mls/public_message.js";
import { SecretTree } from "../../../static/js/mls/secret_tree.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { flipped, refuses } from "../protocol/people.js";
import { dice, member } from "./members.js";

const SUITE = ROOM_SUITE;
const [GROUP, DATA] = [utf8("group"), utf8("data")];
const ADA = member("ada");
const CONTEXT = new GroupContext(SUITE.number, GROUP, 7, utf8("tree"), utf8("transcript"), []);
const SENDER_DATA_SECRET = new Uint8Array(48).fill(2);
const MEMBERSHIP_KEY = new Uint8Array(48).fill(3);
const secretTree = () => SecretTree.make(SUITE, 2, new Uint8Array(48).fill(1));

const { PRIVATE_MESSAGE } = WireFormat;

async function signed(contentType, content, { sender = Sender.member(1), wireFormat = PRIVATE_MESSAGE } = {}) {
  const framed = new FramedContent(GROUP, 7, sender, DATA, contentType, content);
  return AuthenticatedContent.sign(SUITE, ADA.sign, wireFormat, framed, CONTEXT);
}

async function sealed(text, padding) {
  const content = await signed(ContentType.APPLICATION, utf8(text));
  return PrivateMessage.protect(SUITE, content, secretTree(), SENDER_DATA_SECRET, dice(), padding);
}

const opened = (message, tree = secretTree()) => message.unprotect(SUITE, tree, SENDER_DATA_SECRET);

test("a private message says what was sealed, by whom, and that it was signed", async () => {
  const [, message] = await sealed("hello");
  const [, content] = await opened(PrivateMessage.parse(message.encode()));

  await content.verify(SUITE, ADA.signatureKey, CONTEXT);
  assert.deepEqual(content.content.content, utf8("hello"));
  assert.deepEqual(content.content.sender, Sender.member(1));
  assert.deepEqual(content.content.authenticatedData, DATA);
  assert.equal(content.confirmationTag, null);
});

test("both sides' trees move on, and the same message does not open twice", async () => {
  const [sender, message] = await sealed("hello");
  const [receiver] = await opened(message);

  assert.deepEqual(receiver.encode(), sender.encode());
  await refuses("key_used", () => opened(message, receiver));
});

test("a message is as long as the next step of 256 bytes", async () => {
  const length = async (text) => (await sealed(text))[1].ciphertext.length;
  // 2 bytes of length and 66 of signature stand beside the text, 16 of tag after it all.
  for (const [text, expected] of [[0, 256], [100, 256], [188, 256], [189, 512], [444, 512], [445, 768]]) {
    assert.equal(await length("x".repeat(text)), expected + 16, `${text}`);
  }
});

test("any number of zeros is taken as padding, and nothing else", async () => {
  for (const step of [1, 300, 4096]) {
    const [, message] = await sealed("hello", step);
    const [, content] = await opened(message);

    assert.deepEqual(content.content.content, utf8("hello"));
  }
  for (const padding of ["01", "0001", `${"00".repeat(200)}80`]) {
    await refuses("malformed", () => unprotectPlaintext(fromHex(padding)));
  }
});

/** A message whose padding is these bytes, opened. */
async function unprotectPlaintext(padding) {
  const { content, signature } = await signed(ContentType.APPLICATION, utf8("hello"));
  const plaintext = concat(vector(content.content), vector(signature), padding);
  const [, key, nonce] = await secretTree().key(1, 1, 0);
  const head = concat(vector(GROUP), u64(7), u8(ContentType.APPLICATION));
  const ciphertext = await SUITE.seal(key, nonce, plaintext, concat(head, vector(DATA)));
  const [dataKey, dataNonce] = await senderDataKey(SUITE, SENDER_DATA_SECRET, ciphertext);
  const senderData = await SUITE.seal(dataKey, dataNonce, concat(u32(1), u32(0), new Uint8Array(4)), head);
  return opened(new PrivateMessage(GROUP, 7, ContentType.APPLICATION, DATA, senderData, ciphertext));
}

test("a ciphertext that was cut short is unauthentic", async () => {
  await unprotectPlaintext(new Uint8Array(3));
  const [, message] = await sealed("hello");
  for (const length of [0, 1, 15]) {
    const cut = new PrivateMessage(GROUP, 7, 1, DATA, message.encryptedSenderData, message.ciphertext.slice(0, length));
    await refuses("unauthentic", () => opened(cut));
  }
});

test("whatever was changed on the way does not open, and the tree stays", async () => {
  const [, message] = await sealed("hello");
  const tree = secretTree();
  const changes = {
    groupId: utf8("grouq"),
    epoch: 8,
    contentType: ContentType.COMMIT,
    authenticatedData: utf8("date"),
    encryptedSenderData: flipped(message.encryptedSenderData, 3),
    ciphertext: flipped(message.ciphertext, 100),
  };
  for (const [name, value] of Object.entries(changes)) {
    const { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext } = {
      ...message,
      [name]: value,
    };
    const changed = new PrivateMessage(
      groupId,
      epoch,
      contentType,
      authenticatedData,
      encryptedSenderData,
      ciphertext,
    );
    await refuses("unauthentic", () => opened(changed, tree));
  }
  assert.deepEqual(tree.encode(), secretTree().encode());
  await opened(message, tree);
});

test("a message that failed to open opens when it comes whole, from a skipped key too", async () => {
  const content = await signed(ContentType.APPLICATION, utf8("first"));
  const protect = (tree) => PrivateMessage.protect(SUITE, content, tree, SENDER_DATA_SECRET, dice());
  const [after, first] = await protect(secretTree());
  const [, second] = await protect(after);
  const [skipped] = await opened(second);
  const { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext } = first;
  const damaged = new PrivateMessage(
    groupId,
    epoch,
    contentType,
    authenticatedData,
    encryptedSenderData,
    flipped(ciphertext, ciphertext.length - 1),
  );

  await refuses("unauthentic", () => opened(damaged, skipped));
  await opened(first, skipped);
});

test("a signature is by the leaf's key, over the context of the epoch", async () => {
  const content = await signed(ContentType.APPLICATION, utf8("hello"));
  const other = new GroupContext(SUITE.number, GROUP, 8, utf8("tree"), utf8("transcript"), []);

  await content.verify(SUITE, ADA.signatureKey, CONTEXT);
  await refuses("unauthentic", () => content.verify(SUITE, member("ben").signatureKey, CONTEXT));
  await refuses("unauthentic", () => content.verify(SUITE, ADA.signatureKey, other));
});

test("a public message of a member carries its tag", async () => {
  const content = await signed(ContentType.PROPOSAL, new Remove(1), { wireFormat: WireFormat.PUBLIC_MESSAGE });
  const message = await PublicMessage.protect(SUITE, content, MEMBERSHIP_KEY, CONTEXT);
  const parsed = PublicMessage.parse(message.encode());

  assert.deepEqual(await parsed.unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT), content);
  await refuses("unauthentic", () => parsed.unprotect(SUITE, flipped(MEMBERSHIP_KEY, 0), CONTEXT));
  const forged = new PublicMessage(content, flipped(message.membershipTag, 0));
  await refuses("unauthentic", () => forged.unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT));
});

test("application data is never public", async () => {
  const content = await signed(ContentType.APPLICATION, utf8("hello"), { wireFormat: WireFormat.PUBLIC_MESSAGE });

  await refuses("usage", () => PublicMessage.protect(SUITE, content, MEMBERSHIP_KEY, CONTEXT));
  const tag = await SUITE.mac(MEMBERSHIP_KEY, concat(content.tbs(CONTEXT), content.auth()));
  await refuses("malformed", () => new PublicMessage(content, tag).unprotect(SUITE, MEMBERSHIP_KEY, CONTEXT));
});

test("only members encrypt", async () => {
  for (const sender of [new Sender(SenderType.NEW_MEMBER_COMMIT), new Sender(SenderType.EXTERNAL, 1)]) {
    const content = (await signed(ContentType.COMMIT, new Commit([], null), { sender })).withTag(utf8("tag"));

    await refuses("usage", () => PrivateMessage.protect(SUITE, content, secretTree(), SENDER_DATA_SECRET, dice()));
  }
});

test("a commit has a confirmation tag, nothing else has one", async () => {
  const commit = await signed(ContentType.COMMIT, new Commit([], null));
  const text = await signed(ContentType.APPLICATION, utf8("hello"));

  await refuses("usage", () => commit.auth());
  await refuses("usage", () => text.withTag(utf8("tag")).auth());
  const reader = new Reader(commit.withTag(utf8("tag")).encode());
  assert.deepEqual(AuthenticatedContent.read(reader), commit.withTag(utf8("tag")));
  reader.end();
  const welcome = commit.withTag(utf8("tag")).encode().with(1, WireFormat.WELCOME);
  await refuses("malformed", () => AuthenticatedContent.read(new Reader(welcome)));
});

test("types that do not exist, versions and wire formats are malformed", async () => {
  const [, message] = await sealed("hello");
  const body = message.encode();
  const typeAt = 1 + GROUP.length + 8;
  for (const contentType of [0, 4, 255]) {
    const wrong = body.with(typeAt, contentType);
    await refuses("malformed", () => PrivateMessage.parse(wrong));
  }
  await refuses("malformed", () => PrivateMessage.parse(concat(body, u8(0))));
  await refuses("malformed", () => PrivateMessage.parse(body.slice(0, -1)));
  for (const senderType of [0, 5, 255]) await refuses("malformed", () => Sender.read(new Reader(u8(senderType))));
  for (const head of ["00000002", "00020002", "00010000", "00010006", "0001"]) {
    await refuses("malformed", () => MLSMessage.parse(concat(fromHex(head), body)));
  }
  assert.deepEqual(MLSMessage.parse(concat(fromHex("00010002"), body)).encode().slice(4), body);
});
