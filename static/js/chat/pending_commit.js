// A commit of ours that may have left the device: kept with the state it leads to until the log shows its fate.
//
// It is repeated byte for byte and never made anew for the same epoch.
// Spec: 4.5, 4.6

import { Group } from "../standin/group.js";
import { stage } from "./staging.js";

export class PendingCommit {
  #settle;

  /**
   * @param {object} parts `messageId`, `epoch` (the one it ends), `next` (Group), `commit`, `welcome` (or null),
   *   `groupInfo`, `added` and `removed` (device ids)
   */
  constructor(parts) {
    Object.assign(this, parts);
    /** @type {Promise<"adopted" | "superseded" | "dropped">} */
    this.fate = new Promise((resolve) => (this.#settle = resolve));
  }

  /**
   * @param {{deviceId: Uint8Array, publicKey: Uint8Array, userId: Uint8Array, packageBytes: Uint8Array}[]} devices
   * @returns {Promise<{group: Group, pending: PendingCommit}>} `group` is the one to go on with meanwhile
   */
  static async adding(group, devices, messageId) {
    const { group: current, next, ...bytes } = await group.commit({ add: devices }, messageId);
    const added = devices.map((device) => device.deviceId);
    const pending = new PendingCommit({ messageId, epoch: group.epoch, next, ...bytes, added, removed: [] });
    return { group: current, pending };
  }

  static load(device, row) {
    return new PendingCommit({ ...row, next: Group.load(device, row.next) });
  }

  get row() {
    const { messageId, epoch, commit, welcome, groupInfo, added, removed } = this;
    return { messageId, epoch, commit, welcome, groupInfo, added, removed, next: this.next.rows() };
  }

  /** Hand it to the server, again if need be. Raises: the server's PeerError. */
  async publish(ask, roomId) {
    const commit = await stage(ask, this.commit);
    const groupInfo = await stage(ask, this.groupInfo);
    const welcome = this.welcome ? { welcome: await stage(ask, this.welcome) } : {};
    const { epoch, messageId, added, removed } = this;
    const digests = { commit, group_info: groupInfo, ...welcome };
    await ask("room.commit", { room: roomId, epoch, message_id: messageId, added, removed, ...digests });
  }

  /** @param {"adopted" | "superseded" | "dropped"} fate */
  settle(fate) {
    this.#settle(fate);
  }
}
