// Who may come in by an external commit, in its three forms; the inner part of validity.js.
// Spec: 4.4, 4.9

import { sameBytes } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import { identityOf, isSameOwner, refusing, removedBy, rolesOf, userOf, voucherOf } from "./_leaf_rules.js";
import { Invalid } from "./errors.js";
import { DataForm } from "./profile.js";
import { ExternalInit, Remove } from "./proposals.js";

/** @param {import("./rules.js").Judged} judged @param {import("./profile.js").AuthenticatedData} data */
export function checkExternal(judged, data) {
  const { proposals, leaf } = judged;
  const removals = proposals.filter(({ proposal }) => proposal instanceof Remove);
  const joins = proposals.filter(({ proposal }) => proposal instanceof ExternalInit);
  const isShaped = joins.length === 1 && removals.length <= 1 && proposals.length === 1 + removals.length;
  if (!isShaped || proposals.some((each) => each.byReference)) throw new Invalid("external-proposals");
  const removed = removals.length ? removedBy(judged, removals[0]) : null;
  if (data.form === DataForm.MEMBER) {
    if (!removed || !isSameOwner(removed, leaf)) throw new Invalid("resync");
  } else if (data.form === DataForm.VOUCHER) checkVoucher(judged, removed, data);
  else if (data.form === DataForm.OWN_DEVICE) checkOwnDevice(judged, removed, data);
  else throw new Invalid("data-form");
}

function checkVoucher({ oldContext, oldTree, leaf }, removed, data) {
  const roles = rolesOf(oldContext.extensions);
  const members = oldTree.leaves().map((each) => each.leaf);
  const vouch = roles.vouch(data.key);
  if (removed || !vouch || !carries(leaf, data.key)) throw new Invalid("voucher");
  if (members.some((member) => carries(member, data.key))) throw new Invalid("voucher-used");
  const users = members.map(userOf);
  const isPresent = users.some((user) => sameBytes(user, vouch.inviter));
  if (!isPresent || !roles.mayAdd(vouch.inviter, users)) throw new Invalid("voucher-inviter");
  refusing([Unauthentic], "voucher-proof", () => data.verifyVoucher(leaf.signatureKey));
}

function checkOwnDevice({ oldContext, oldTree, leaf }, removed, data) {
  const isOwn = (other) => sameBytes(userOf(other), userOf(leaf));
  if (leaf.extensions.length || !oldTree.leaves().some((each) => isOwn(each.leaf))) throw new Invalid("own-device");
  if (removed) {
    if (!isOwn(removed)) throw new Invalid("own-device");
    // An external commit cannot drop the entry, so the leaf that used it has to stay.
    const carried = voucherOf(removed);
    if (carried && rolesOf(oldContext.extensions).vouch(carried)) throw new Invalid("voucher-listed");
  }
  const root = identityOf(leaf).rootPublic.bytes;
  refusing([Unauthentic], "own-device-proof", () => data.verifyOwnDevice(root, oldContext.epoch, leaf.signatureKey));
}

function carries(leaf, vouchPublic) {
  const carried = voucherOf(leaf);
  return carried !== null && sameBytes(carried, vouchPublic);
}
