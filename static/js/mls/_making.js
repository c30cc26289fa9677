// The inner part of group.js: how a group begins, and what its commits are made of.

import { wipe } from "../sodium.js";
import { replace } from "./_replace.js";
import { encrypt, envelope } from "./_messages.js";
import { checkLifetime, CommitDraft, listProposals, makeCommit, makeExternalCommit } from "./committing.js";
import { beginEpoch } from "./epoch.js";
import { Invalid } from "./errors.js";
import { WireFormat } from "./framing.js";
import { readPublicEpoch } from "./joining.js";
import { CLOCK_SKEW_SECONDS, LIFETIME_SECONDS } from "./key_package.js";
import { GroupContext, sendExternalInit } from "./key_schedule.js";
import { LeafNodeSource, Lifetime } from "./nodes.js";
import { ExternalInit, ProposalOrRef, Remove } from "./proposals.js";
import { PublicMessage } from "./public_message.js";
import { RatchetTree } from "./ratchet_tree.js";
import { rootHash } from "./tree_hash.js";

const NOTHING = new Uint8Array();

/** The state of a new group of this member alone (RFC 9420 11). */
export async function beginGroup(member, groupId, { extensions, random, now, rules }) {
  const { suite } = member;
  if (!rules.allowsSuite(suite.number)) throw new Invalid("suite");
  const pair = await suite.deriveKeyPair(random(suite.Nh));
  const lifetime = new Lifetime(BigInt(now - CLOCK_SKEW_SECONDS), BigInt(now + LIFETIME_SECONDS));
  const leaf = await member.leaf(LeafNodeSource.KEY_PACKAGE, pair.public, { lifetime });
  const tree = RatchetTree.ofOne(suite, leaf);
  const context = new GroupContext(suite.number, groupId, 0, await rootHash(tree), NOTHING, extensions);
  rules.checkJoin(tree, context);
  return beginEpoch(context, tree, 0, new Map([[0, pair.secret]]), random(suite.Nh), null);
}

/**
 * A member's commit: the state to go on with until it is taken, what was made, and the whole message.
 * @returns {Promise<[import("./epoch.js").GroupState, import("./committing.js").MadeCommit, Uint8Array]>}
 */
export async function commitAs(member, state, changes, rules) {
  const { add = [], remove = [], extensions = null, identity = null, authenticatedData, random, now } = changes;
  for (const keyPackage of add) {
    checkLifetime(keyPackage, now);
    rules.checkKeyPackage(keyPackage);
  }
  const { ownLeaf, schedule } = state.epoch;
  const { credential, capabilities } = ownLeaf;
  const committer = replace(member, { identity: identity ?? credential.identity, capabilities });
  const entries = listProposals(state, add, remove, extensions);
  const draft = new CommitDraft(entries, authenticatedData, ownLeaf.extensions, schedule.initSecret);
  const made = await makeCommit(committer, state, draft, rules, random);
  const [moved, message] = await encrypt(member, state, made.authenticated, random);
  return [moved, made, message];
}

/**
 * A newcomer's commit, and the whole message.
 * @returns {Promise<[import("./committing.js").MadeCommit, Uint8Array]>}
 */
export async function commitFromOutside(member, groupInfo, options) {
  const { authenticatedData, remove = null, leafExtensions = [], random, rules } = options;
  const [epoch, externalPub] = await readPublicEpoch(member, groupInfo, rules);
  const [kemOutput, initSecret] = await sendExternalInit(member.suite, externalPub);
  const proposals = [new ExternalInit(kemOutput), ...(remove === null ? [] : [new Remove(remove)])];
  const entries = proposals.map((proposal) => new ProposalOrRef(proposal));
  const draft = new CommitDraft(entries, authenticatedData, leafExtensions, initSecret);
  const made = await makeExternalCommit(member, epoch, draft, rules, random);
  wipe(initSecret);
  const message = await PublicMessage.protect(member.suite, made.authenticated, NOTHING, epoch.context);
  return [made, envelope(WireFormat.PUBLIC_MESSAGE, message)];
}
