// Changing who is in a room: a commit is made, stored, handed to the server, and true when it stands in the log.
//
// Spec: 4.4, 4.5

import { sameBytes } from "../bytes.js";
import { memberData } from "../protocol/authenticated_data.js";
import { newMessageId } from "../protocol/primitives.js";
import { PendingCommit } from "./pending_commit.js";
import { Problem } from "./problem.js";
import { PASSING, waitSeconds } from "./refusals.js";
import { groupRows, pendingRow } from "./room_rows.js";
import { seatsOf } from "./roster.js";

/** After these a commit is repeated byte for byte. out_of_order: the server let its blobs go, which are staged again. */
export const REPEATED = new Set([...PASSING, "out_of_order"]);
const RETRY_SECONDS = 2;

/** Whoever is online when somebody leaves commits it after a share of this, so that not all do at once. Spec: 4.4 */
const PROPOSAL_WAIT_MS = 2000;

export class RoomMembers {
  #room;
  #ask;
  #random;
  /** The pending commit that was handed to the server, or is being. */
  #published = null;
  #proposalTimer = null;

  /** @param {import("./room.js").Room} room @param {object} surroundings `ask(op, members)`, `random()` */
  constructor(room, { ask, random }) {
    this.#room = room;
    this.#ask = ask;
    this.#random = random;
  }

  // Actions; they go on however many commits of others come first

  /**
   * Add devices. One that the server will not have is left out.
   * @param {{deviceId: Uint8Array, keyPackage: object}[]} devices Raises: Problem.
   */
  async add(devices) {
    let wanted = devices;
    const changes = () => {
      wanted = wanted.filter((device) => !this.#isIn(device));
      return wanted.length > 0 ? { add: wanted.map((device) => device.keyPackage) } : null;
    };
    await this.#achieve(changes, (cause) => (wanted = withoutRefused(wanted, cause)));
  }

  /** Remove people with all their devices. @param {string[]} userIds Raises: Problem. */
  async remove(userIds) {
    const changes = () => {
      const seats = seatsOf(this.#room.group).filter((seat) => userIds.includes(seat.userId));
      return seats.length > 0 ? { remove: seats.map((seat) => seat.index) } : null;
    };
    await this.#achieve(changes, (cause) => Problem.raise(cause));
  }

  /** Leave: the others commit it. Where nobody else is, or nothing goes on, the room is over at once. */
  async leave() {
    const room = this.#room;
    if (!room.isAble || seatsOf(room.group).length === 1) return room.end();
    await room.step(async () => {
      const { rows, apply } = room.recordStep({ leaving: true });
      const entry = room.sender.queueLeave();
      return { rows: [...rows, ["outbox", room.outbox.keyOf(entry), entry.row]], apply };
    });
    return room.wake();
  }

  /** Bring fresh keys into the group, so that who stole the old ones is shut out. @param {() => boolean} isDue still */
  async renew(isDue) {
    await this.#begin({}, isDue);
  }

  /** Somebody left: see to it that a commit follows, for nobody may write before it. */
  settleProposals() {
    if (this.#proposalTimer !== null || !this.#room.readyChannel || !this.#mustSettle()) return;
    this.#proposalTimer = setTimeout(() => {
      this.#proposalTimer = null;
      this.#begin({}, () => this.#mustSettle()).catch(this.#room.failed);
    }, this.#random() * PROPOSAL_WAIT_MS);
  }

  /** Hand a pending commit to the server, again when a reload or a lost connection came between. */
  publishPending() {
    const { pending, readyChannel } = this.#room;
    if (pending === null || readyChannel === null || this.#published === pending) return;
    this.#published = pending;
    this.#publish(pending);
  }

  /** The pending commit's fate is known. @param {"adopted" | "superseded" | "refused" | null} outcome */
  settled(outcome, cause = undefined) {
    const { pending } = this.#room;
    if (outcome === null || pending === null) return;
    this.#room.pending = null;
    pending.settle({ outcome, cause });
  }

  // Internal

  #mustSettle() {
    const { group, record } = this.#room;
    return group?.pendingProposals > 0 && !record.leaving;
  }

  #isIn({ deviceId }) {
    return seatsOf(this.#room.group).some((seat) => sameBytes(seat.deviceId, deviceId));
  }

  /** @param {() => object | null} changes what is still to be done @param {(cause: Error) => void} refused */
  async #achieve(changes, refused) {
    for (;;) {
      if (this.#room.pending) await this.#room.pending.fate;
      this.#room.requireAble();
      const wanted = changes();
      if (wanted === null) return;
      const pending = await this.#begin(wanted);
      const { cause } = pending ? await pending.fate : {};
      if (cause) refused(cause);
    }
  }

  /**
   * @param {() => boolean} isWanted asked when its turn has come
   * @returns {Promise<PendingCommit | null>} null when another one waits already, or it is not wanted any more
   */
  async #begin(changes, isWanted = () => true) {
    const pending = await this.#room.step(() => this.#prepare(changes, isWanted));
    this.publishPending();
    return pending;
  }

  async #prepare(changes, isWanted) {
    const room = this.#room;
    if (room.pending !== null || !room.isAble || !isWanted()) return { rows: [], apply: () => null };
    const messageId = newMessageId(Date.now());
    const authenticatedData = memberData(room.roomId, messageId);
    const made = await room.groups.commit(room.group, { ...changes, authenticatedData });
    const pending = PendingCommit.member(room.group, made, messageId);
    return {
      rows: [pendingRow(room.id, pending), ...groupRows(room.id, made.group, room.group)],
      apply: () => {
        room.adopt(made.group);
        room.pending = pending;
        return pending;
      },
    };
  }

  async #publish(pending) {
    try {
      await pending.publish(this.#ask, this.#room.roomId);
    } catch (cause) {
      // With stale_epoch another commit took the epoch, and the log is about to show which.
      if (REPEATED.has(cause.code)) this.#retryLater(waitSeconds(cause));
      else if (cause.code !== "stale_epoch") await this.#drop(pending, cause);
    }
  }

  /** @param {number} seconds that the server wants to pass, 0 when it does not say */
  #retryLater(seconds) {
    setTimeout(() => {
      this.#published = null;
      this.publishPending();
    }, Math.max(seconds, RETRY_SECONDS) * 1000);
  }

  #drop(pending, cause) {
    const room = this.#room;
    return room.step(async () => ({
      rows: room.pending === pending ? [pendingRow(room.id, null)] : [],
      apply: () => {
        if (room.pending !== pending) return;
        this.settled("refused", cause);
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
