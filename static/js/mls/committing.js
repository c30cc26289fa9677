/**
 * Making a commit: by a member, or by a newcomer who joins by itself. Every commit of ours has a path.
 *
 * RFC 9420 12.4.1, 12.4.3.2
 */

import { fromHex } from "../bytes.js";
import { UsageError } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { hide } from "./_hidden.js";
import { replace } from "./_replace.js";
import { nextContext } from "./applying.js";
import { Commit } from "./commit.js";
import { beginEpoch } from "./epoch.js";
import { Invalid } from "./errors.js";
import { AuthenticatedContent, ContentType, FramedContent, Sender, SenderType, WireFormat } from "./framing.js";
import { epochSecret, joinerSecret } from "./key_schedule.js";
import { LeafNodeSource } from "./nodes.js";
import { ProposalList } from "./proposal_list.js";
import { Add, GroupContextExtensions, ProposalOrRef, ProposalType, Remove } from "./proposals.js";
import { pskSecret } from "./psk.js";
import { Judged } from "./rules.js";
import { confirmedTranscriptHash } from "./transcript.js";
import { rootHash } from "./tree_hash.js";
import { makeUpdatePath } from "./tree_kem.js";
import { commonAncestor } from "./tree_math.js";
import { checkMembers } from "./tree_validation.js";
import { makeWelcome } from "./welcome.js";

/**
 * @typedef {import("./epoch.js").GroupState} GroupState
 * @typedef {import("./epoch.js").PublicEpoch} PublicEpoch
 * @typedef {import("./member.js").Member} Member
 * @typedef {import("./rules.js").OpenRules} Rules
 */

/** What a commit is to say; initSecret: the epoch's own, or that of an external commit. */
export class CommitDraft {
  /**
   * @param {readonly ProposalOrRef[]} proposals
   * @param {Uint8Array} authenticatedData
   * @param {readonly import("./nodes.js").Extension[]} leafExtensions
   * @param {Uint8Array} initSecret
   */
  constructor(proposals, authenticatedData, leafExtensions, initSecret) {
    Object.assign(this, { proposals, authenticatedData, leafExtensions });
    hide(this, { initSecret });
    Object.freeze(this);
  }
}

/** A signed commit with its tag, not yet encrypted, and the state it leads to. */
export class MadeCommit {
  /** @param {AuthenticatedContent} authenticated @param {GroupState} state
   *  @param {import("./welcome.js").Welcome | null} [welcome] */
  constructor(authenticated, state, welcome = null) {
    Object.assign(this, { authenticated, state, welcome });
    Object.freeze(this);
  }
}

/**
 * Who asked to leave, by reference, and what is wanted beside it, by value; nobody is removed twice.
 *
 * Raises: usage (our own leaving waits: others commit it).
 * @param {GroupState} state
 * @param {readonly import("./key_package.js").KeyPackage[]} add
 * @param {readonly number[]} remove leaf indices
 * @param {readonly import("./nodes.js").Extension[] | null} extensions
 */
export function listProposals(state, add, remove, extensions) {
  const [entries, leaving] = [[], new Set()];
  for (const [reference, { proposal }] of state.waiting) {
    if (proposal.kind !== ProposalType.REMOVE || leaving.has(proposal.removed)) continue;
    leaving.add(proposal.removed);
    entries.push(new ProposalOrRef(null, fromHex(reference)));
  }
  if (leaving.has(state.epoch.leafIndex)) throw new UsageError("a device that is leaving does not commit");
  const values = [
    ...(extensions ? [new GroupContextExtensions(extensions)] : []),
    ...remove.filter((index) => !leaving.has(index)).map((index) => new Remove(index)),
    ...add.map((keyPackage) => new Add(keyPackage)),
  ];
  return [...entries, ...values.map((value) => new ProposalOrRef(value))];
}

/**
 * A member's commit of this draft, judged by the rules before anybody else sees it.
 *
 * Raises: invalid; malformed; unauthentic (a key package).
 * RFC 9420 12.4.1
 * @param {Member} member @param {GroupState} state @param {CommitDraft} draft @param {Rules} rules
 * @param {(count: number) => Uint8Array} random
 */
export async function makeCommit(member, state, draft, rules, random) {
  const { epoch } = state;
  const list = ProposalList.of(new Commit(draft.proposals, null), state.waiting, epoch.leafIndex);
  await list.check(epoch.tree, epoch.context, epoch.leafIndex);
  const applied = list.apply(epoch.tree, epoch.context);
  const sender = Sender.member(epoch.leafIndex);
  const made = await make(member, epoch, draft, applied, applied.tree, epoch.leafIndex, sender, random);
  rules.checkCommit(judge(epoch, made, list, draft, epoch.leafIndex, null));
  const welcome = await welcomeFor(member, epoch, list, applied, made);
  [made.joiner, ...made.path.pathSecrets.values()].forEach(wipe);
  return new MadeCommit(made.commit.authenticated, made.commit.state, welcome);
}

/** The Welcome for those that a commit adds, null when it adds nobody. */
async function welcomeFor(member, epoch, list, applied, { commit, path, joiner }) {
  const adds = list.proposals.map((each) => each.proposal).filter((proposal) => proposal.kind === ProposalType.ADD);
  if (!adds.length) return null;
  const pathSecret = (place) =>
    path.pathSecrets.get(commonAncestor(2 * epoch.leafIndex, 2 * applied.added[place].index));
  const info = await commit.state.epoch.groupInfo(member, { forEverybody: false });
  const packages = adds.map((proposal) => proposal.keyPackage);
  return makeWelcome(member.suite, packages, joiner, info, pathSecret, await pskSecret(member.suite, []));
}

/**
 * A newcomer's commit.
 *
 * Raises: invalid; malformed.
 * RFC 9420 12.4.3.2
 * @param {Member} member
 * @param {PublicEpoch} epoch what the GroupInfo tells of it
 * @param {CommitDraft} draft @param {Rules} rules @param {(count: number) => Uint8Array} random
 */
export async function makeExternalCommit(member, epoch, draft, rules, random) {
  const list = ProposalList.of(new Commit(draft.proposals, null), new Map(), null);
  await list.checkExternal(epoch.tree, epoch.context);
  const applied = list.apply(epoch.tree, epoch.context);
  const [tree, place] = applied.tree.withPlace();
  const sender = new Sender(SenderType.NEW_MEMBER_COMMIT);
  const made = await make(member, epoch, draft, applied, tree, place, sender, random);
  rules.checkCommit(judge(epoch, made, list, draft, null, place));
  [made.joiner, ...made.path.pathSecrets.values()].forEach(wipe);
  return made.commit;
}

/** @returns {Promise<{commit: MadeCommit, path: import("./tree_kem.js").MadePath, joiner: Uint8Array}>} */
async function make(member, epoch, draft, applied, tree, leafIndex, sender, random) {
  const { suite } = member;
  const { groupId } = epoch.context;
  const provisional = nextContext(epoch, applied);
  const makeLeaf = (encryptionKey, parentHash) => {
    const place = { groupId, leafIndex, parentHash, extensions: draft.leafExtensions };
    return member.leaf(LeafNodeSource.COMMIT, encryptionKey, place);
  };
  const encodeContext = async (changed) => replace(provisional, { treeHash: await rootHash(changed) }).encode();
  const path = await makeUpdatePath(tree, leafIndex, makeLeaf, encodeContext, applied.addedLeaves, random);
  checkMembers(path.tree, applied.extensions);
  const content = new Commit(draft.proposals, path.path);
  const authenticated = await sign(member, epoch.context, sender, content, draft.authenticatedData);
  const interim = epoch.interimTranscriptHash;
  const context = replace(provisional, {
    treeHash: await rootHash(path.tree),
    confirmedTranscriptHash: await confirmedTranscriptHash(suite, interim, authenticated.confirmedInput()),
  });
  const joiner = await joinerSecret(suite, draft.initSecret, path.commitSecret, context);
  const secret = await epochSecret(suite, joiner, await pskSecret(suite, []), context);
  wipe(path.commitSecret);
  const state = await beginEpoch(context, path.tree, leafIndex, path.keys, secret, null);
  const commit = new MadeCommit(authenticated.withTag(state.epoch.confirmationTag), state);
  return { commit, path, joiner };
}

/** A member's commit is encrypted, a newcomer's cannot be. */
function sign(member, context, sender, commit, authenticatedData) {
  const wireFormat = sender.index === null ? WireFormat.PUBLIC_MESSAGE : WireFormat.PRIVATE_MESSAGE;
  const { groupId, epoch } = context;
  const content = new FramedContent(groupId, epoch, sender, authenticatedData, ContentType.COMMIT, commit);
  return AuthenticatedContent.sign(member.suite, member.sign, wireFormat, content, context);
}

function judge(epoch, made, list, draft, committer, joined) {
  const after = made.commit.state.epoch;
  return new Judged({
    oldTree: epoch.tree,
    oldContext: epoch.context,
    newTree: after.tree,
    newContext: after.context,
    committer,
    joined,
    leaf: after.ownLeaf,
    proposals: list.proposals,
    authenticatedData: draft.authenticatedData,
  });
}

/**
 * Nothing, when a key package may be used now (seconds since 1970); asked before an Add is made, never after.
 *
 * Raises: invalid (lifetime).
 * Spec: 4.10
 */
export function checkLifetime(keyPackage, now) {
  const { lifetime } = keyPackage.leafNode;
  if (!lifetime || now < lifetime.notBefore || now > lifetime.notAfter) throw new Invalid("lifetime");
}
