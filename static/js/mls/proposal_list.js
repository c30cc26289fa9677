/**
 * The proposals of one commit together: which lists are valid, and what they make of the tree.
 *
 * RFC 9420 12.1, 12.2, 12.3
 */

import { sameBytes, toHex } from "../bytes.js";
import { Invalid } from "./errors.js";
import { LeafNodeSource } from "./nodes.js";
import { ProposalType } from "./proposals.js";
import { PSKType } from "./psk.js";
import { Leaf } from "./ratchet_tree.js";
import { Proposed } from "./rules.js";
import { checkLeaf } from "./tree_validation.js";

const { ADD, UPDATE, REMOVE, PSK, REINIT, EXTERNAL_INIT, GROUP_CONTEXT_EXTENSIONS } = ProposalType;
/** RFC 9420 12.4: with nothing but these a commit may come without a path. */
const WITHOUT_PATH = [ADD, PSK, REINIT];
const EXTERNAL = [EXTERNAL_INIT, REMOVE, PSK];
/** RFC 9420 8.4: the usage of a resumption PSK inside a group. */
const APPLICATION = 1;

/** What a list made of a group: the tree and extensions, who came and went, and what enters the key schedule. */
export class Applied {
  /** @param {{tree: import("./ratchet_tree.js").RatchetTree, extensions: readonly object[], added: Leaf[],
   *          removed: Leaf[], kemOutput: Uint8Array | null, psks: object[]}} fields */
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }

  /** The leaf indices of who came. */
  get addedLeaves() {
    return this.added.map((member) => member.index);
  }
}

/** All proposals of a commit in its order, references resolved. */
export class ProposalList {
  /** @param {readonly Proposed[]} proposals */
  constructor(proposals) {
    this.proposals = proposals;
    Object.freeze(this);
  }

  /**
   * The list of a commit.
   *
   * Raises: invalid (proposal-unknown, proposal-twice).
   * @param {import("./commit.js").Commit} commit
   * @param {Map<string, Proposed>} waiting the proposals of this epoch by their references, in hex
   * @param {number | null} committer
   */
  static of(commit, waiting, committer) {
    const seen = new Set();
    const found = commit.proposals.map(({ proposal, reference }) => {
      if (proposal) return new Proposed(proposal, committer, false);
      const name = toHex(reference);
      if (!waiting.has(name)) throw new Invalid("proposal-unknown");
      if (seen.has(name)) throw new Invalid("proposal-twice");
      seen.add(name);
      return waiting.get(name);
    });
    return new ProposalList(found);
  }

  /** Whether a commit of these proposals must have a path (RFC 9420 12.4). */
  get needsPath() {
    return !this.proposals.length || this.proposals.some(({ proposal }) => !WITHOUT_PATH.includes(proposal.kind));
  }

  /**
   * Nothing, when a member may commit this list.
   *
   * Raises: invalid; malformed; unauthentic.
   * RFC 9420 12.2
   */
  async check(tree, context, committer) {
    if (this.#all(EXTERNAL_INIT).length) throw new Invalid("external-init");
    if (this.#all(GROUP_CONTEXT_EXTENSIONS).length > 1) throw new Invalid("extensions-twice");
    if (this.#all(REINIT).length && this.proposals.length > 1) throw new Invalid("reinit-alone");
    for (const proposed of this.proposals) await checkOne(proposed, tree, context);
    const updaters = this.proposals.filter((each) => each.proposal.kind === UPDATE).map((each) => each.sender);
    const touched = [...this.#all(REMOVE).map((each) => each.removed), ...updaters];
    if (touched.includes(committer)) throw new Invalid("own-leaf");
    if (new Set(touched).size < touched.length) throw new Invalid("leaf-twice");
    const psks = this.#all(PSK).map((each) => toHex(each.psk.encode()));
    if (new Set(psks).size < psks.length) throw new Invalid("psk-twice");
  }

  /**
   * Nothing, when a newcomer may commit this list.
   *
   * Raises: invalid; malformed.
   * RFC 9420 12.2, 12.4.3.2
   */
  async checkExternal(tree, context) {
    if (this.#all(EXTERNAL_INIT).length !== 1) throw new Invalid("external-init");
    if (this.proposals.some((each) => each.byReference || !EXTERNAL.includes(each.proposal.kind))) {
      throw new Invalid("external-proposal");
    }
    if (this.#all(REMOVE).length > 1) throw new Invalid("external-remove");
    for (const proposed of this.proposals) await checkOne(proposed, tree, context);
  }

  /**
   * What a checked list makes of the group: extensions, updates, removes, adds, in this order.
   *
   * RFC 9420 12.3
   * @param {import("./ratchet_tree.js").RatchetTree} tree @param {import("./key_schedule.js").GroupContext} context
   */
  apply(tree, context) {
    let [changed, index] = [tree, 0];
    for (const { proposal, sender } of this.proposals) {
      if (proposal.kind === UPDATE) changed = changed.update(sender, proposal.leafNode);
    }
    const removed = this.#all(REMOVE).map((each) => {
      const member = new Leaf(each.removed, changed.member(each.removed));
      changed = changed.remove(each.removed);
      return member;
    });
    const added = this.#all(ADD).map(({ keyPackage: { leafNode } }) => {
      [changed, index] = changed.add(leafNode);
      return new Leaf(index, leafNode);
    });
    return new Applied({
      tree: changed,
      extensions: this.#all(GROUP_CONTEXT_EXTENSIONS)[0]?.extensions ?? context.extensions,
      added,
      removed,
      kemOutput: this.#all(EXTERNAL_INIT)[0]?.kemOutput ?? null,
      psks: this.#all(PSK).map((each) => each.psk),
    });
  }

  #all(kind) {
    return this.proposals.flatMap(({ proposal }) => (proposal.kind === kind ? [proposal] : []));
  }
}

/** RFC 9420 12.1: each proposal for itself. */
async function checkOne({ proposal, sender }, tree, context) {
  if (proposal.kind === ADD) {
    await proposal.keyPackage.verify(tree.suite);
    checkLeaf(tree, proposal.keyPackage.leafNode, LeafNodeSource.KEY_PACKAGE);
  } else if (proposal.kind === UPDATE) {
    await checkUpdate(proposal.leafNode, sender, tree, context);
  } else if (proposal.kind === REMOVE) {
    tree.member(proposal.removed);
  } else if (proposal.kind === PSK) {
    const { psktype, usage, pskNonce } = proposal.psk;
    const isOther = psktype === PSKType.RESUMPTION && usage !== APPLICATION;
    if (pskNonce.length !== tree.suite.Nh || isOther) throw new Invalid("psk");
  }
}

async function checkUpdate(leaf, sender, tree, context) {
  if (sender === null) throw new Invalid("update-sender");
  checkLeaf(tree, leaf, LeafNodeSource.UPDATE);
  await leaf.verify(tree.suite, context.groupId, sender);
  if (sameBytes(leaf.encryptionKey, tree.member(sender).encryptionKey)) throw new Invalid("encryption-key-twice");
}
