/**
 * Taking over a commit of somebody else: all checks of the RFC, the rules, and the state it leads to.
 *
 * RFC 9420 12.4.2
 */

import { sameBytes } from "../bytes.js";
import { wipe } from "../sodium.js";
import { replace } from "./_replace.js";
import { beginEpoch } from "./epoch.js";
import { Invalid } from "./errors.js";
import { epochSecret, joinerSecret, receiveExternalInit } from "./key_schedule.js";
import { LeafNodeSource } from "./nodes.js";
import { ProposalList } from "./proposal_list.js";
import { pskSecret } from "./psk.js";
import { Leaf } from "./ratchet_tree.js";
import { Judged } from "./rules.js";
import { confirmedTranscriptHash } from "./transcript.js";
import { rootHash } from "./tree_hash.js";
import { keysIn, mergePath, openPath } from "./tree_kem.js";
import { checkLeaf, checkMembers } from "./tree_validation.js";

/**
 * @typedef {import("./epoch.js").Epoch} Epoch
 * @typedef {import("./key_schedule.js").GroupContext} GroupContext
 * @typedef {import("./rules.js").OpenRules} Rules
 */

/** What a commit did; `state` is null when it removed us. */
export class AppliedCommit {
  /** @param {import("./epoch.js").GroupState | null} state @param {readonly import("./rules.js").Proposed[]} proposals
   *  @param {Leaf[]} added @param {Leaf[]} removed */
  constructor(state, proposals, added, removed) {
    Object.assign(this, { state, proposals, added, removed });
    Object.freeze(this);
  }
}

/**
 * The commit applied to an epoch, which stays as it was.
 *
 * Raises: invalid; malformed; unauthentic.
 * @param {Epoch} epoch
 * @param {ReadonlyMap<string, import("./rules.js").Proposed>} waiting
 * @param {import("./framing.js").AuthenticatedContent} authenticated the commit's message, its signature verified
 * @param {import("./commit.js").Commit} commit
 * @param {number | null} committer a leaf index, null for a newcomer
 * @param {Rules} rules
 */
export async function applyCommit(epoch, waiting, authenticated, commit, committer, rules) {
  const list = ProposalList.of(commit, waiting, committer);
  if (committer === null) await list.checkExternal(epoch.tree, epoch.context);
  else await list.check(epoch.tree, epoch.context, committer);
  if (!commit.path && (committer === null || list.needsPath)) throw new Invalid("no-path");
  const applied = list.apply(epoch.tree, epoch.context);
  const [tree, joined] = committer === null ? applied.tree.withPlace() : [applied.tree, null];
  const sender = committer ?? joined;
  if (commit.path) {
    checkLeaf(tree, commit.path.leafNode, LeafNodeSource.COMMIT);
    await commit.path.leafNode.verify(tree.suite, epoch.context.groupId, sender);
  }

  const judged = new Judged({
    oldTree: epoch.tree,
    oldContext: epoch.context,
    newTree: null,
    newContext: null,
    committer,
    joined,
    leaf: commit.path?.leafNode ?? null,
    proposals: list.proposals,
    authenticatedData: authenticated.content.authenticatedData,
  });
  if (applied.removed.some(({ index }) => index === epoch.leafIndex)) {
    rules.checkCommit(judged);
    return new AppliedCommit(null, list.proposals, applied.added, applied.removed);
  }
  const state = await follow(epoch, tree, commit.path, sender, applied, authenticated, rules);
  rules.checkCommit(replace(judged, { newTree: state.epoch.tree, newContext: state.epoch.context }));
  const newcomer = joined === null ? [] : [new Leaf(joined, state.epoch.tree.member(joined))];
  return new AppliedCommit(state, list.proposals, [...applied.added, ...newcomer], applied.removed);
}

/** The provisional group context, before tree hash and transcript are known (RFC 9420 12.4.1). */
export function nextContext(epoch, applied) {
  return replace(epoch.context, { epoch: epoch.context.epoch + 1, extensions: applied.extensions });
}

/**
 * The PSK secret of these keys, which the rules hold.
 *
 * Raises: invalid (psk-unknown).
 * RFC 9420 8.4
 */
export async function findPskSecret(suite, identifiers, rules) {
  return pskSecret(
    suite,
    identifiers.map((identifier) => [identifier, rules.preSharedKey(identifier)]),
  );
}

async function follow(epoch, tree, path, sender, applied, authenticated, rules) {
  const { suite } = tree;
  const provisional = nextContext(epoch, applied);
  const [changed, keys, commitSecret] = await applyPath(epoch, tree, path, sender, applied, provisional);
  const interim = epoch.interimTranscriptHash;
  const context = replace(provisional, {
    treeHash: await rootHash(changed),
    confirmedTranscriptHash: await confirmedTranscriptHash(suite, interim, authenticated.confirmedInput()),
  });
  const { initSecret, externalSecret } = epoch.schedule;
  const init = applied.kemOutput ? await receiveExternalInit(suite, externalSecret, applied.kemOutput) : initSecret;
  const joiner = await joinerSecret(suite, init, commitSecret, context);
  const secret = await epochSecret(suite, joiner, await findPskSecret(suite, applied.psks, rules), context);
  // An epoch's own init secret stays with it.
  [commitSecret, joiner, ...(applied.kemOutput ? [init] : [])].forEach(wipe);
  return beginEpoch(context, changed, epoch.leafIndex, keys, secret, authenticated.confirmationTag);
}

async function applyPath(epoch, tree, path, sender, applied, context) {
  const keys = keysIn(tree, epoch.keys);
  if (!path) {
    checkMembers(tree, applied.extensions);
    return [tree, keys, new Uint8Array(tree.suite.Nh)];
  }
  const added = applied.addedLeaves;
  checkFresh(tree, path);
  const changed = await mergePath(tree, sender, path, added);
  checkMembers(changed, applied.extensions);
  const encoded = replace(context, { treeHash: await rootHash(changed) }).encode();
  return [changed, ...(await openPath(changed, sender, path, epoch.leafIndex, keys, encoded, added))];
}

/** Who holds a key that was there before could follow the group into the next epoch (RFC 9420 12.4.2). */
function checkFresh(tree, path) {
  const fresh = [path.leafNode.encryptionKey, ...path.nodes.map((node) => node.encryptionKey)];
  const isHeld = (key) => tree.nodes.some((node) => node && sameBytes(node.encryptionKey, key));
  if (fresh.some(isHeld)) throw new Invalid("encryption-key-twice");
}
