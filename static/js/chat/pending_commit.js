// A commit of ours that may have left the device: kept with the state it leads to until its fate is known.
//
// It is repeated byte for byte and never made anew for the same epoch.
// Spec: 4.5, 4.6

import { devicesBeside, seatsOf } from "./roster.js";
import { stage } from "./staging.js";

export class PendingCommit {
  #settle;

  /**
   * @param {object} parts `messageId`, `epoch` (the one it ends), `next` (Group), `commit`, `welcome` (or null),
   *   `groupInfo`, `added` and `removed` (device ids), `isExternal`: by this device from outside, which lost its leaf
   */
  constructor(parts) {
    Object.assign(this, parts);
    /** @type {Promise<{outcome: "adopted" | "superseded" | "refused", cause?: Error}>} */
    this.fate = new Promise((resolve) => (this.#settle = resolve));
  }

  /** @param {object} group before it @param {object} made what `Group.commit` gave */
  static member(group, { next, commit, welcome, groupInfo }, messageId) {
    const [before, after] = [seatsOf(group), seatsOf(next)];
    const [added, removed] = [devicesBeside(after, before), devicesBeside(before, after)];
    const parts = { messageId, epoch: group.epoch, next, commit, welcome, groupInfo, added, removed };
    return new PendingCommit({ ...parts, isExternal: false });
  }

  /** @param {object} made what `Group.joinExternally` gave @param {Uint8Array} deviceId ours */
  static external({ next, commit, groupInfo }, messageId, deviceId) {
    const parts = { messageId, epoch: next.epoch - 1, next, commit, welcome: null, groupInfo };
    return new PendingCommit({ ...parts, added: [deviceId], removed: [deviceId], isExternal: true });
  }

  /** @param {import("./groups.js").Groups} groups */
  static async load(groups, row) {
    return new PendingCommit({ ...row, next: await groups.load(row.next) });
  }

  get row() {
    const { messageId, epoch, commit, welcome, groupInfo, added, removed, isExternal } = this;
    return { messageId, epoch, commit, welcome, groupInfo, added, removed, isExternal, next: this.next.rows() };
  }

  /** Hand it to the server, again if need be. @returns {Promise<{seq: number}>} Raises: the server's PeerError. */
  async publish(ask, roomId) {
    const commit = await stage(ask, this.commit);
    const groupInfo = await stage(ask, this.groupInfo);
    const welcome = this.welcome ? { welcome: await stage(ask, this.welcome) } : {};
    const { epoch, messageId, added, removed } = this;
    const digests = { commit, group_info: groupInfo, ...welcome };
    return ask("room.commit", { room: roomId, epoch, message_id: messageId, added, removed, ...digests });
  }

  /** @param {{outcome: string, cause?: Error}} fate */
  settle(fate) {
    this.#settle(fate);
  }
}
