/**
 * What a group is judged by: one interface, and the rules of RFC 9420 alone.
 *
 * The room's own rules (protocol.md 4.10) are validity.js's. A group asks its rules between result and adoption, when
 * nothing has changed yet.
 * Spec: 4.10
 */

import { Invalid } from "./errors.js";

/** A proposal with its sender's leaf index (null: not a member) and whether it came by reference. */
export class Proposed {
  /** @param {import("./proposals.js").Add} proposal or one of the others @param {number | null} sender */
  constructor(proposal, sender, byReference) {
    Object.assign(this, { proposal, sender, byReference });
    Object.freeze(this);
  }
}

/**
 * A commit and what it would lead to.
 *
 * committer: its leaf index in the old tree, null for an external commit; leaf: the leaf of its path, null without a
 * path; joined: where an external commit's leaf stands in the new tree, else null. A device that is removed has no new
 * tree and no new context.
 */
export class Judged {
  /** @param {{oldTree: object, oldContext: object, newTree: object | null, newContext: object | null,
   *    committer: number | null, joined: number | null, leaf: object | null, proposals: Proposed[],
   *    authenticatedData: Uint8Array}} fields */
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}

/** RFC 9420 and nothing more: for vectors and for tests against other libraries. The app has RoomRules. */
export class OpenRules {
  #findPreSharedKey;

  /** @param {(identifier: import("./psk.js").PreSharedKeyID) => Uint8Array | null} [preSharedKey] */
  constructor(preSharedKey = () => null) {
    this.#findPreSharedKey = preSharedKey;
  }

  /** All that there are. */
  allowsSuite() {
    return true;
  }

  /** Every commit. */
  checkCommit() {}

  /** Every group. */
  checkJoin() {}

  /** Every key package. */
  checkKeyPackage() {}

  /** Every proposal. */
  checkProposal() {}

  /** Every message. */
  checkMessage() {}

  /** All. */
  allowsPublicMessage() {
    return true;
  }

  /** What the given function finds. Raises: invalid (psk-unknown). */
  preSharedKey(identifier) {
    const found = this.#findPreSharedKey(identifier);
    if (!found) throw new Invalid("psk-unknown");
    return found;
  }
}
