// What a member's commit may change; the inner part of validity.js.
// Spec: 4.4, 4.9

import { sameBytes } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import {
  checkExtensions,
  checkPackage,
  identityOf,
  isSameOwner,
  refusing,
  removedBy,
  rolesOf,
  text,
  userOf,
  voucherOf,
} from "./_leaf_rules.js";
import { Invalid } from "./errors.js";
import { DataForm } from "./profile.js";
import { Add, GroupContextExtensions, Remove } from "./proposals.js";

/** @param {import("./rules.js").Judged} judged @param {import("./nodes.js").LeafNode} committer its leaf before */
export function checkMember(judged, committer, data) {
  const { leaf, oldTree, proposals } = judged;
  if (data.form !== DataForm.MEMBER && data.form !== DataForm.REVOKED) throw new Invalid("data-form");
  if (!isSameOwner(committer, leaf)) throw new Invalid("path-identity");
  if (oldTree.nodes.some((node) => node && sameBytes(node.encryptionKey, leaf.encryptionKey))) {
    throw new Invalid("path-key");
  }
  const changes = new Changes(judged, userOf(committer));
  for (const proposed of proposals) {
    if (proposed.byReference) checkReference(proposed);
    else if (proposed.proposal instanceof Add) changes.checkAdd(proposed.proposal);
    else if (proposed.proposal instanceof GroupContextExtensions) changes.checkExtensions(proposed.proposal);
    else if (!(proposed.proposal instanceof Remove)) throw new Invalid("proposal-type");
  }
  changes.checkRemovals(data);
}

/** Nothing, when a proposal that was sent by itself is its sender's wish to be removed. */
export function checkReference({ proposal, sender }) {
  if (!(proposal instanceof Remove)) throw new Invalid("proposal-type");
  if (proposal.removed !== sender) throw new Invalid("role-remove");
}

/** What a member's commit changes, against what its user may do in the state before. */
class Changes {
  #judged;
  #user;
  #old;
  #new;
  #administers;
  #mayAdd;

  constructor(judged, user) {
    this.#judged = judged;
    this.#user = user;
    this.#old = rolesOf(judged.oldContext.extensions);
    this.#new = this.#old;
    const present = judged.oldTree.leaves().map(({ leaf }) => userOf(leaf));
    this.#administers = this.#old.administers(user, present);
    this.#mayAdd = this.#old.mayAdd(user, present);
  }

  /** An administrator, where everybody may add, or a device of the same user. */
  checkAdd({ keyPackage }) {
    checkPackage(keyPackage);
    if (!this.#mayAdd && !sameBytes(userOf(keyPackage.leafNode), this.#user)) throw new Invalid("role-add");
  }

  /** An administrator; or the second list alone: own vouchers come where the user may add, any go. */
  checkExtensions({ extensions }) {
    this.#new = checkExtensions(extensions);
    if (this.#administers) return;
    const [was, now] = [this.#old, this.#new];
    const isSame = was.everyMemberMayAdd === now.everyMemberMayAdd && isSameList(was, now);
    if (!isSame) throw new Invalid("role-change");
    const known = new Set(was.vouches.map(vouchText));
    for (const vouch of now.vouches.filter((each) => !known.has(vouchText(each)))) {
      if (!this.#mayAdd || !sameBytes(vouch.inviter, this.#user)) throw new Invalid("role-vouch");
    }
  }

  /** An administrator, a device of the same user, who asked for it, or who was revoked by its user's root. */
  checkRemovals(data) {
    const removals = this.#judged.proposals.filter(({ proposal }) => proposal instanceof Remove);
    const isRevocation = data.form === DataForm.REVOKED;
    if (isRevocation) this.#checkRevocation(removals, data);
    for (const proposed of removals) {
      const leaf = removedBy(this.#judged, proposed);
      const isAllowed = this.#administers || proposed.byReference || isRevocation;
      if (!isAllowed && !sameBytes(userOf(leaf), this.#user)) throw new Invalid("role-remove");
      const carried = voucherOf(leaf);
      if (carried && this.#new.vouch(carried)) throw new Invalid("voucher-listed");
    }
  }

  #checkRevocation(removals, data) {
    if (removals.length !== 1 || removals[0].byReference) throw new Invalid("revocation");
    const leaf = removedBy(this.#judged, removals[0]);
    if (!sameBytes(data.key, leaf.signatureKey)) throw new Invalid("revocation");
    refusing([Unauthentic], "revocation", () => data.verifyRevoked(identityOf(leaf).rootPublic.bytes));
  }
}

function isSameList(one, other) {
  const list = (roles) => roles.administrators.map(text).join();
  return list(one) === list(other);
}

function vouchText(vouch) {
  return text(vouch.public) + text(vouch.inviter);
}
