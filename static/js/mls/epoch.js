/**
 * What a member holds of a group: one epoch, the ratchets that move inside it, and what is left of the one before.
 *
 * RFC 9420 8
 */

import { wipe } from "../sodium.js";
import { hide } from "./_hidden.js";
import { replace } from "./_replace.js";
import { externalPubExtension, GroupInfo, ratchetTreeExtension } from "./group_info.js";
import { KeySchedule } from "./key_schedule.js";
import { RatchetTree } from "./ratchet_tree.js";
import { SecretTree } from "./secret_tree.js";
import { interimTranscriptHash } from "./transcript.js";
import { isLeaf } from "./tree_math.js";

/** @typedef {import("./key_schedule.js").GroupContext} GroupContext */

/** What a GroupInfo tells of an epoch. */
export class PublicEpoch {
  /** @param {{context: GroupContext, tree: RatchetTree, interimTranscriptHash: Uint8Array}} fields */
  constructor({ context, tree, interimTranscriptHash: interim }) {
    Object.assign(this, { context, tree, interimTranscriptHash: interim });
    if (new.target === PublicEpoch) Object.freeze(this);
  }
}

/** What stays the same from commit to commit. `keys`: our KEM secrets by node index. */
export class Epoch extends PublicEpoch {
  /**
   * @param {{context: GroupContext, tree: RatchetTree, interimTranscriptHash: Uint8Array, confirmationTag: Uint8Array,
   *    leafIndex: number, keys: import("./tree_kem.js").PrivateKeys, schedule: KeySchedule}} fields
   */
  constructor(fields) {
    super(fields);
    const { confirmationTag, leafIndex, keys, schedule } = fields;
    Object.assign(this, { confirmationTag, leafIndex, schedule });
    hide(this, { keys });
    Object.freeze(this);
  }

  /** Our leaf. */
  get ownLeaf() {
    return this.tree.member(this.leafIndex);
  }

  /**
   * The signed GroupInfo; with tree and external_pub for everybody, without for a Welcome.
   *
   * RFC 9420 12.4.3
   * @param {import("./member.js").Member} member @param {{forEverybody: boolean}} options
   */
  async groupInfo(member, { forEverybody }) {
    const extensions = [];
    if (forEverybody) {
      const pair = await this.schedule.externalKeyPair();
      extensions.push(externalPubExtension(pair.public), ratchetTreeExtension(this.tree));
    }
    const unsigned = new GroupInfo(this.context, extensions, this.confirmationTag, this.leafIndex);
    return unsigned.sign(member.suite, member.sign);
  }
}

/** What still opens messages of the epoch before; its tree has leaves only. */
export class PastEpoch {
  /** @param {GroupContext} context @param {RatchetTree} tree @param {Uint8Array} senderDataSecret */
  constructor(context, tree, senderDataSecret, secretTree) {
    Object.assign(this, { context, tree });
    hide(this, { senderDataSecret, secretTree });
    Object.freeze(this);
  }
}

/** A group at one moment. `waiting`: the proposals of this epoch by their references, in hex. */
export class GroupState {
  /**
   * @param {Epoch} epoch
   * @param {SecretTree} secretTree
   * @param {ReadonlyMap<string, import("./rules.js").Proposed>} waiting
   * @param {PastEpoch | null} past
   */
  constructor(epoch, secretTree, waiting, past) {
    Object.assign(this, { epoch, waiting, past });
    hide(this, { secretTree });
    Object.freeze(this);
  }

  /** What to keep of this epoch when the next one begins. */
  asPast() {
    const { context, tree, schedule } = this.epoch;
    const leaves = tree.nodes.map((node, index) => (isLeaf(index) ? node : null));
    return new PastEpoch(context, new RatchetTree(tree.suite, leaves), schedule.senderDataSecret, this.secretTree);
  }

  /** The same with other ratchets. */
  withRatchets(secretTree) {
    return replace(this, { secretTree });
  }
}

/**
 * The state in which an epoch begins.
 *
 * Without a confirmation tag it is ours to make; one that is given is checked.
 * Raises: unauthentic (the tag).
 * RFC 9420 8, 8.2, 12.4.2
 * @param {GroupContext} context
 * @param {RatchetTree} tree
 * @param {number} leafIndex
 * @param {import("./tree_kem.js").PrivateKeys} keys
 * @param {Uint8Array} secret its epoch secret, which is overwritten
 * @param {Uint8Array | null} givenTag
 */
export async function beginEpoch(context, tree, leafIndex, keys, secret, givenTag) {
  const { suite } = tree;
  const [schedule, encryptionSecret] = await KeySchedule.derive(suite, secret);
  wipe(secret);
  const confirmed = context.confirmedTranscriptHash;
  if (givenTag) await schedule.checkConfirmationTag(confirmed, givenTag);
  const confirmationTag = givenTag ?? (await schedule.confirmationTag(confirmed));
  const interim = await interimTranscriptHash(suite, confirmed, confirmationTag);
  const fields = { context, tree, interimTranscriptHash: interim, confirmationTag, leafIndex, keys, schedule };
  const secretTree = SecretTree.make(suite, tree.leafCount, encryptionSecret);
  return new GroupState(new Epoch(fields), secretTree, new Map(), null);
}
