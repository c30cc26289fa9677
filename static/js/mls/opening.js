/**
 * Opening what arrives: which epoch, whose signature, and what is then known or done.
 *
 * RFC 9420 6, 12.4.2
 */

import { sameBytes, toHex } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { replace } from "./_replace.js";
import { applyCommit } from "./applying.js";
import { Reader } from "./codec.js";
import { EpochGone, Invalid } from "./errors.js";
import { ContentType, MLSMessage, SenderType, WireFormat } from "./framing.js";
import { Credential, ExtensionType, findExtension } from "./nodes.js";
import { PrivateMessage } from "./private_message.js";
import { ProposalType } from "./proposals.js";
import { PublicMessage } from "./public_message.js";
import { Proposed } from "./rules.js";

/**
 * @typedef {import("./epoch.js").GroupState} GroupState
 * @typedef {import("./rules.js").OpenRules} Rules
 */

/** What a message was: `state` is null when it removed us, `sender` null for somebody who is no member. */
export class OpenedContent {
  /** @param {{kind: string, state: GroupState | null, content: import("./framing.js").FramedContent,
   *    sender: number | null, leaf: import("./nodes.js").LeafNode | null, proposals?: readonly Proposed[],
   *    added?: object[], removed?: object[]}} fields */
  constructor({ kind, state, content, sender, leaf, proposals = [], added = [], removed = [] }) {
    Object.assign(this, { kind, state, content, sender, leaf, proposals, added, removed });
    Object.freeze(this);
  }
}

/**
 * What the message says or does; the state that was given stays as it was.
 *
 * Raises: malformed; unauthentic; invalid; epoch_gone; key_used.
 * @param {GroupState} state @param {Uint8Array} message @param {Rules} rules
 */
export async function openMessage(state, message, rules) {
  const envelope = MLSMessage.parse(message);
  if (envelope.wireFormat === WireFormat.PRIVATE_MESSAGE) {
    return openPrivate(state, PrivateMessage.parse(envelope.body), rules);
  }
  if (envelope.wireFormat === WireFormat.PUBLIC_MESSAGE) {
    return openPublic(state, PublicMessage.parse(envelope.body), rules);
  }
  throw new Malformed(`wire format ${envelope.wireFormat} in a group`);
}

async function openPrivate(state, message, rules) {
  checkGroup(state, message.groupId);
  if (message.epoch === state.past?.context.epoch) return openPast(state, message, rules);
  checkEpoch(state, message.epoch);
  const { tree, schedule } = state.epoch;
  const opened = await message.unprotect(tree.suite, state.secretTree, schedule.senderDataSecret);
  const [secretTree, authenticated] = opened;
  return take(state.withRatchets(secretTree), authenticated, rules);
}

async function openPublic(state, message, rules) {
  const { content } = message.authenticated;
  checkGroup(state, content.groupId);
  if (!rules.allowsPublicMessage(content)) throw new Invalid("public-message");
  checkEpoch(state, content.epoch);
  const { tree, schedule, context } = state.epoch;
  return take(state, await message.unprotect(tree.suite, schedule.membershipKey, context), rules);
}

function checkGroup(state, groupId) {
  if (!sameBytes(groupId, state.epoch.context.groupId)) throw new Invalid("group");
}

function checkEpoch(state, epoch) {
  const ours = state.epoch.context.epoch;
  if (epoch !== ours) throw new EpochGone(`epoch ${epoch}, ours is ${ours}`);
}

/** A message that was on its way when its epoch ended; a commit of that epoch comes too late. */
async function openPast(state, message, rules) {
  const { past } = state;
  if (message.contentType !== ContentType.APPLICATION) throw new EpochGone("only messages are read after their epoch");
  const opened = await message.unprotect(past.tree.suite, past.secretTree, past.senderDataSecret);
  const [secretTree, authenticated] = opened;
  const [sender, leaf] = await verifyMember(past.tree, past.context, authenticated, state.epoch.leafIndex);
  rules.checkMessage(authenticated.content);
  const moved = replace(state, { past: replace(past, { secretTree }) });
  return new OpenedContent({ kind: "message", state: moved, content: authenticated.content, sender, leaf });
}

async function take(state, authenticated, rules) {
  const { epoch } = state;
  const { content } = authenticated;
  const isMember = content.sender.senderType === SenderType.MEMBER;
  const [sender, leaf] = isMember
    ? await verifyMember(epoch.tree, epoch.context, authenticated, epoch.leafIndex)
    : [null, await verifyOutsider(epoch.tree, epoch.context, authenticated)];
  const body = content.content;
  if (content.contentType === ContentType.COMMIT) {
    const applied = await applyCommit(epoch, state.waiting, authenticated, body, sender, rules);
    const after = applied.state && replace(applied.state, { past: state.asPast() });
    const kind = after ? "commit" : "removed";
    return new OpenedContent({ ...applied, kind, state: after, content, sender, leaf });
  }
  rules.checkMessage(content);
  if (content.contentType === ContentType.APPLICATION) {
    return new OpenedContent({ kind: "message", state, content, sender, leaf });
  }
  const proposed = new Proposed(body, sender, true);
  rules.checkProposal(proposed);
  const waiting = new Map(state.waiting).set(toHex(await authenticated.ref(epoch.tree.suite)), proposed);
  const after = replace(state, { waiting });
  return new OpenedContent({ kind: "proposal", state: after, content, sender, leaf, proposals: [proposed] });
}

/** The leaf index and leaf whose key signed it. Nobody speaks to itself: such a message is a clone's. */
async function verifyMember(tree, context, authenticated, own) {
  const sender = authenticated.content.sender.index;
  if (sender === own) throw new Invalid("own-message");
  const leaf = tree.member(sender);
  await authenticated.verify(tree.suite, leaf.signatureKey, context);
  return [sender, leaf];
}

/** The leaf a newcomer brings; null for an external sender (RFC 9420 6.1, 12.1.8). */
async function verifyOutsider(tree, context, authenticated) {
  const { sender, contentType, content } = authenticated.content;
  let leaf = null;
  if (sender.senderType === SenderType.NEW_MEMBER_COMMIT && content.path) {
    leaf = content.path.leafNode;
  } else if (sender.senderType === SenderType.NEW_MEMBER_PROPOSAL && content.kind === ProposalType.ADD) {
    leaf = content.keyPackage.leafNode;
  } else if (sender.senderType !== SenderType.EXTERNAL || contentType === ContentType.COMMIT) {
    throw new Invalid("sender-type");
  }
  const key = leaf ? leaf.signatureKey : externalKey(context, sender.index);
  await authenticated.verify(tree.suite, key, context);
  return leaf;
}

/**
 * The signature key of an external sender.
 *
 * RFC 9420 12.1.8.1
 */
function externalKey(context, index) {
  const data = findExtension(context.extensions, ExtensionType.EXTERNAL_SENDERS);
  const reader = new Reader(data ?? Uint8Array.of(0));
  const keys = reader.vectorOf((inner) => [inner.vector(), Credential.read(inner)]);
  reader.end();
  if (index >= keys.length) throw new Invalid("sender-type");
  return keys[index][0];
}
