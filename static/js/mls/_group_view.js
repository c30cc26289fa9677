// The inner part of group.js: what a group tells of itself.

import { hide } from "./_hidden.js";
import { envelope } from "./_messages.js";
import { WireFormat } from "./framing.js";
import { encodeRows } from "./storage.js";

/** A member, the rules it goes by, and its state. */
export class GroupView {
  /**
   * @param {import("./member.js").Member} member
   * @param {import("./rules.js").OpenRules} rules
   * @param {import("./epoch.js").GroupState} state
   */
  constructor(member, rules, state) {
    Object.assign(this, { member, rules });
    hide(this, { state });
  }

  /** All three rows: `epoch`, `live` and `past`, which is null without a past epoch; to be stored, sealed. */
  rows() {
    return encodeRows(this.state);
  }

  /** The rows that are no longer those of `before`; null erases one. @param {GroupView} before */
  rowsSince(before) {
    return encodeRows(this.state, before.state);
  }

  /** The room id. */
  get groupId() {
    return this.context.groupId;
  }

  /** The number of the epoch. */
  get epoch() {
    return this.context.epoch;
  }

  /** What all members agree on. @returns {import("./key_schedule.js").GroupContext} */
  get context() {
    return this.state.epoch.context;
  }

  /** The ratchet tree. @returns {import("./ratchet_tree.js").RatchetTree} */
  get tree() {
    return this.state.epoch.tree;
  }

  /** Our own leaf index. @returns {number} */
  get leafIndex() {
    return this.state.epoch.leafIndex;
  }

  /** All members, ourselves included. */
  get members() {
    return this.tree.leaves();
  }

  /** Whether messages of the epoch before still open. */
  get hasPast() {
    return this.state.past !== null;
  }

  /** Equal at two members exactly when they are in the same group and epoch (RFC 9420 8.7). */
  get epochAuthenticator() {
    return this.state.epoch.schedule.epochAuthenticator;
  }

  /** How many proposals wait for somebody's commit. */
  get pendingProposals() {
    return this.state.waiting.size;
  }

  /** The signed GroupInfo of this epoch, with external_pub and the tree, as an MLSMessage. */
  async groupInfo() {
    return envelope(WireFormat.GROUP_INFO, await this.state.epoch.groupInfo(this.member, { forEverybody: true }));
  }

  /** A secret of this epoch for another use, up to Nh bytes (RFC 9420 8.5). */
  export(label, context, length) {
    return this.state.epoch.schedule.export(label, context, length);
  }
}
