// Bringing people into a room: a commit is made, stored, handed to the server, and true when it stands in the log.
//
// Spec: 4.5

import { sameBytes } from "../bytes.js";
import { newMessageId } from "../protocol/primitives.js";
import { retrySeconds } from "../protocol/retry.js";
import { PendingCommit } from "./pending_commit.js";
import { Problem } from "./problem.js";
import { groupRows, pendingRow } from "./room_rows.js";

/** Refusals of a commit that pass by themselves: it is repeated byte for byte. */
const PASSING = new Set(["too_fast", "limit", "unavailable", "internal"]);
const RETRY_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 300;

export class RoomMembers {
  #room;
  #ask;
  /** The pending commit that was handed to the server, or is being. */
  #published = null;

  /** @param {import("./room.js").Room} room @param {(op: string, members: object) => Promise<object>} ask */
  constructor(room, ask) {
    this.#room = room;
    this.#ask = ask;
  }

  // Actions

  /**
   * Add devices, however many commits of others come first. A device that the server will not have is left out.
   * @param {{deviceId: Uint8Array, publicKey: Uint8Array, userId: Uint8Array, packageBytes: Uint8Array}[]} devices
   * Raises: Problem.
   */
  async add(devices) {
    let wanted = devices;
    for (;;) {
      if (this.#room.pending) await this.#room.pending.fate;
      wanted = wanted.filter((device) => !this.#isIn(device));
      if (wanted.length === 0) return;
      const pending = await this.#prepare(wanted);
      this.publishPending();
      const { cause } = await pending.fate;
      if (cause) wanted = withoutRefused(wanted, cause);
    }
  }

  /** Hand a pending commit to the server, again when a reload or a lost connection came between. */
  publishPending() {
    const { pending, readyChannel } = this.#room;
    if (pending === null || readyChannel === null || this.#published === pending) return;
    this.#published = pending;
    this.#publish(pending);
  }

  /** The log has decided. @param {"adopted" | "superseded" | null} outcome */
  settled(outcome) {
    const { pending } = this.#room;
    if (outcome === null) return;
    this.#room.pending = null;
    pending.settle({ outcome });
  }

  // Internal

  #isIn({ deviceId }) {
    return this.#room.group.members.some((member) => sameBytes(member.identity.deviceId, deviceId));
  }

  #prepare(devices) {
    const room = this.#room;
    return room.step(async () => {
      const { group, pending } = await PendingCommit.adding(room.group, devices, newMessageId(Date.now()));
      return {
        rows: [pendingRow(room.id, pending), ...groupRows(room.id, group, room.group)],
        apply: () => {
          room.adopt(group);
          room.pending = pending;
          return pending;
        },
      };
    });
  }

  async #publish(pending) {
    try {
      await pending.publish(this.#ask, this.#room.roomId);
    } catch (cause) {
      // With stale_epoch another commit took the epoch, and the log is about to show which.
      if (PASSING.has(cause.code)) this.#retryLater(retrySeconds(cause.text ?? ""));
      else if (cause.code !== "stale_epoch") await this.#drop(pending, cause);
    }
  }

  /** @param {number} seconds that the server wants to pass, 0 when it does not say */
  #retryLater(seconds) {
    const pause = Math.min(Math.max(seconds, RETRY_SECONDS), LONGEST_WAIT_SECONDS);
    setTimeout(() => {
      this.#published = null;
      this.publishPending();
    }, pause * 1000);
  }

  #drop(pending, cause) {
    const room = this.#room;
    return room.step(async () => ({
      rows: room.pending === pending ? [pendingRow(room.id, null)] : [],
      apply: () => {
        if (room.pending !== pending) return;
        room.pending = null;
        pending.settle({ outcome: "refused", cause });
        room.wake();
      },
    }));
  }
}

/** The server names the devices it refuses; when it names none, the whole undertaking has failed. */
function withoutRefused(devices, cause) {
  const refused = cause.details?.devices;
  if (cause.code !== "not_member" || !Array.isArray(refused) || refused.length === 0) throw new Problem(cause.code);
  return devices.filter((device) => !refused.some((deviceId) => sameBytes(deviceId, device.deviceId)));
}
