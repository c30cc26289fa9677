/**
 * What makes a commit, a group or a key package of a room invalid, the same for every member.
 *
 * Everything here follows from the group's state before the commit and the commit itself. Dates, pins, revocations and
 * whatever a server said are trust, and are never asked here: members who judge a commit differently fork the room.
 * Spec: 4.4, 4.9, 4.10
 */

import { sameBytes } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { checkExternal } from "./_external_rules.js";
import { checkContext, checkLeaf, checkPackage, text } from "./_leaf_rules.js";
import { checkMember, checkReference } from "./_member_rules.js";
import { Invalid } from "./errors.js";
import { ContentType, SenderType } from "./framing.js";
import { AuthenticatedData, DataForm } from "./profile.js";
import { ROOM_SUITE } from "./suite.js";
import { checkKeysDistinct } from "./tree_validation.js";

/** The rules of a room, as a group asks them. Spec: 4.10 */
export class RoomRules {
  /** The room's one. */
  allowsSuite(number) {
    return number === ROOM_SUITE.number;
  }

  /** Nothing, when the commit may be adopted. Raises: invalid; malformed (a public key). */
  checkCommit(judged) {
    checkCommit(judged);
  }

  /** Nothing, when a room in this state may be entered. Raises: invalid; malformed (a public key). */
  checkJoin(tree, context) {
    checkTree(tree, context);
  }

  /** Nothing, when its device may be added, as far as its own bytes tell. Raises: invalid; malformed (a public key). */
  checkKeyPackage(keyPackage) {
    checkKeyPackage(keyPackage);
  }

  /**
   * Nothing, when a proposal may wait for a commit: its sender asks to be removed.
   *
   * Raises: invalid (proposal-type, role-remove).
   */
  checkProposal(proposed) {
    checkReference(proposed);
  }

  /**
   * Nothing, when a message or a proposal has the data of a member's, of this room.
   *
   * Raises: invalid (data-form, data-room).
   * @param {import("./framing.js").FramedContent} content
   */
  checkMessage({ authenticatedData: encoded, groupId }) {
    if (authenticatedData(encoded, groupId).form !== DataForm.MEMBER) throw new Invalid("data-form");
  }

  /** A newcomer's commit, which cannot be encrypted. @param {import("./framing.js").FramedContent} content */
  allowsPublicMessage({ sender, contentType }) {
    return sender.senderType === SenderType.NEW_MEMBER_COMMIT && contentType === ContentType.COMMIT;
  }

  /** Rooms have none. Raises: invalid (psk-unknown). */
  preSharedKey() {
    throw new Invalid("psk-unknown");
  }
}

/**
 * Nothing, when a room may have this tree and this context.
 *
 * before: a tree whose leaves and keys were judged already; what stayed as it was is not judged again.
 * Raises: invalid; malformed (a public key).
 * Spec: 4.10
 * @param {import("./ratchet_tree.js").RatchetTree} tree @param {import("./key_schedule.js").GroupContext} context
 * @param {import("./ratchet_tree.js").RatchetTree | null} before
 */
export function checkTree(tree, context, before = null) {
  checkContext(context);
  // The device id is a hash of the signature key (protocol.md 3.13), so no device is here twice either.
  checkKeysDistinct(tree);
  const known = new Set(before?.nodes.flatMap((node) => (node ? [text(node.encryptionKey)] : [])));
  for (const node of tree.nodes) {
    if (node && !known.has(text(node.encryptionKey))) ROOM_SUITE.checkPublicKey(node.encryptionKey);
  }
  for (const { index, leaf } of tree.leaves()) {
    if (!isSame(before?.leaf(index), leaf)) checkLeaf(leaf);
  }
}

/**
 * Nothing, when a key package is of a room's kind; its signatures and its dates are judged elsewhere.
 *
 * Raises: invalid; malformed (a public key).
 */
export function checkKeyPackage(keyPackage) {
  checkPackage(keyPackage);
}

/**
 * The validity function: nothing, when every member adopts this commit.
 *
 * A device that the commit removes has no new tree to judge; it judges committer, proposals, roles and path leaf.
 * Raises: invalid; malformed (a public key).
 * Spec: 4.10
 * @param {import("./rules.js").Judged} judged
 */
export function checkCommit(judged) {
  const { leaf, committer, newTree, newContext, oldTree } = judged;
  if (leaf === null) throw new Invalid("no-path");
  const data = authenticatedData(judged.authenticatedData, judged.oldContext.groupId);
  checkLeaf(leaf);
  ROOM_SUITE.checkPublicKey(leaf.encryptionKey);
  if (committer === null) checkExternal(judged, data);
  else checkMember(judged, oldTree.member(committer), data);
  if (newTree && newContext) checkTree(newTree, newContext, oldTree);
}

function authenticatedData(encoded, groupId) {
  let data;
  try {
    data = AuthenticatedData.parse(encoded);
  } catch (error) {
    throw error instanceof Malformed ? new Invalid("data-form") : error;
  }
  if (!sameBytes(data.roomId, groupId)) throw new Invalid("data-room");
  return data;
}

function isSame(was, leaf) {
  return was === leaf || (was && sameBytes(was.encode(), leaf.encode()));
}
