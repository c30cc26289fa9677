// The inner part of group.js: what its operations give back.

/**
 * What a message was.
 *
 * kind: message, proposal, commit, or removed (by a commit that removed us); group: to go on with, the old one when we
 * were removed; sender: leaf index, null for somebody who is no member yet; leaf: whose key signed it, as it stood
 * before (of a newcomer: the new one), null for an external sender; payload: of a message, else null.
 */
export class Opened {
  /** @param {{kind: string, group: import("./group.js").Group, epoch: number, sender: number | null,
   *    leaf: import("./nodes.js").LeafNode | null, authenticatedData: Uint8Array, payload: Uint8Array | null,
   *    proposals: readonly import("./rules.js").Proposed[], added: readonly import("./ratchet_tree.js").Leaf[],
   *    removed: readonly import("./ratchet_tree.js").Leaf[]}} fields */
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}

/**
 * A commit of ours that the server may take or not.
 *
 * group: to go on with until then (null for an external commit); next: the group then, see `Group.adopt`; the commit,
 * the Welcome and the GroupInfo are whole MLSMessages. It is sent again as it is or dropped, never made again in the
 * same epoch.
 */
export class Pending {
  /** @param {{group: import("./group.js").Group | null, next: import("./group.js").Group, commit: Uint8Array,
   *    welcome: Uint8Array | null, groupInfo: Uint8Array}} fields */
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}
