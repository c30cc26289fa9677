/** The check of message-protection.json: messages of the member at leaf 1 in a tree of two. */

import { Reader } from "../codec.js";
import {
  AuthenticatedContent,
  ContentType,
  encodeContent,
  FramedContent,
  MLSMessage,
  readContent,
  Sender,
  WireFormat,
} from "../framing.js";
import { GroupContext } from "../key_schedule.js";
import { PrivateMessage } from "../private_message.js";
import { PublicMessage } from "../public_message.js";
import { SecretTree } from "../secret_tree.js";
import { signer } from "../vector_suites.js";
import { counted, same, unhex } from "./checking.js";

const CONTENTS = [
  ["proposal", ContentType.PROPOSAL],
  ["commit", ContentType.COMMIT],
  ["application", ContentType.APPLICATION],
];

/** Theirs open, and ours do, public and private. */
export async function checkMessageProtection(each, suite) {
  const hashes = [unhex(each.tree_hash), unhex(each.confirmed_transcript_hash)];
  const context = new GroupContext(suite.number, unhex(each.group_id), each.epoch, ...hashes, []);
  const epoch = { suite, context, each };
  for (const [name, contentType] of CONTENTS) {
    const isApplication = contentType === ContentType.APPLICATION;
    const content = isApplication ? encodeContent(unhex(each[name])) : unhex(each[name]);
    same(name, await openPrivate(epoch, unhex(each[`${name}_priv`])), content);
    same(`${name} of ours`, await openPrivate(epoch, await protectPrivate(epoch, contentType, content)), content);
    if (isApplication) continue;
    same(`public ${name}`, await openPublic(epoch, unhex(each[`${name}_pub`])), content);
    const ours = await protectPublic(epoch, contentType, content);
    same(`public ${name} of ours`, await openPublic(epoch, ours), content);
  }
}

async function openPrivate({ suite, context, each }, message) {
  const envelope = MLSMessage.parse(message);
  same("wire format", envelope.wireFormat, WireFormat.PRIVATE_MESSAGE);
  const parsed = PrivateMessage.parse(envelope.body);
  same("message", new MLSMessage(WireFormat.PRIVATE_MESSAGE, parsed.encode()).encode(), message);
  const tree = SecretTree.make(suite, 2, unhex(each.encryption_secret));
  const [, opened] = await parsed.unprotect(suite, tree, unhex(each.sender_data_secret));
  await opened.verify(suite, unhex(each.signature_pub), context);
  return encodeContent(opened.content.content);
}

async function openPublic({ suite, context, each }, message) {
  const envelope = MLSMessage.parse(message);
  same("wire format", envelope.wireFormat, WireFormat.PUBLIC_MESSAGE);
  const parsed = PublicMessage.parse(envelope.body);
  same("message", new MLSMessage(WireFormat.PUBLIC_MESSAGE, parsed.encode()).encode(), message);
  const opened = await parsed.unprotect(suite, unhex(each.membership_key), context);
  await opened.verify(suite, unhex(each.signature_pub), context);
  return encodeContent(opened.content.content);
}

async function sign({ suite, context, each }, contentType, encoded, wireFormat) {
  const content = readContent(new Reader(encoded), contentType);
  const { groupId, epoch } = context;
  const framed = new FramedContent(groupId, epoch, Sender.member(1), new Uint8Array(), contentType, content);
  const signs = await signer(suite, unhex(each.signature_priv));
  const signed = await AuthenticatedContent.sign(suite, signs, wireFormat, framed, context);
  // The vectors say nothing of the confirmation key; any tag has the right shape.
  return contentType === ContentType.COMMIT ? signed.withTag(new Uint8Array(suite.Nh)) : signed;
}

async function protectPrivate(epoch, contentType, encoded) {
  const { suite, each } = epoch;
  const signed = await sign(epoch, contentType, encoded, WireFormat.PRIVATE_MESSAGE);
  const tree = SecretTree.make(suite, 2, unhex(each.encryption_secret));
  const secret = unhex(each.sender_data_secret);
  const [, message] = await PrivateMessage.protect(suite, signed, tree, secret, counted());
  return new MLSMessage(WireFormat.PRIVATE_MESSAGE, message.encode()).encode();
}

async function protectPublic(epoch, contentType, encoded) {
  const { suite, context, each } = epoch;
  const signed = await sign(epoch, contentType, encoded, WireFormat.PUBLIC_MESSAGE);
  const message = await PublicMessage.protect(suite, signed, unhex(each.membership_key), context);
  return new MLSMessage(WireFormat.PUBLIC_MESSAGE, message.encode()).encode();
}
