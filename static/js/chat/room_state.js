// A room as it stands on this device.

import { fromHex } from "../bytes.js";
import { Attachment } from "../protocol/attachment.js";
import { shownId } from "./files/shown_id.js";
import { SCHEME } from "./groups.js";
import { Problem } from "./problem.js";
import { administratorsOf, seatsOf, usersOf } from "./roster.js";

export class RoomState {
  /**
   * @param {object} parts from `room_rows.js`: `id` (hex), `record`, `group`, `pending`, `known`, `transcript`, `outbox`;
   *   no group: the room is over for this device, or its state is lost
   */
  constructor({ id, record, group, pending, known, transcript, outbox }) {
    Object.assign(this, { id, record, group, pending, known, transcript, outbox });
    this.roomId = fromHex(id);
    /** The code of what keeps the room from going on, or null. */
    this.stuck = null;
    /** The code of what it waits for, which passes by itself; or null. */
    this.held = null;
  }

  /** Whether its encryption is of a scheme that is not spoken any more. */
  get isOver() {
    return this.record.scheme !== SCHEME;
  }

  get isJoined() {
    return !this.record.gone && !this.isOver;
  }

  /** Whether its members can be changed and messages leave, by what is known here. */
  get isAble() {
    const { leaving, unconfirmed } = this.record;
    return this.isJoined && this.stuck === null && this.group !== null && !leaving && !unconfirmed;
  }

  /** Raises: Problem, with the code of what keeps it from being able. */
  requireAble() {
    if (this.isAble) return;
    throw new Problem(this.isJoined && !this.record.leaving ? (this.stuck ?? "unconfirmed") : "not_member");
  }

  /** A file that a message of this room shows. @param {string} id as the screens call it @returns {Attachment | null} */
  attachment(id) {
    const shown = [...this.transcript.entries, ...this.outbox.shown].flatMap((entry) => entry.attachments ?? []);
    const members = shown.find((each) => shownId(each) === id);
    return members ? Attachment.fromMembers(members) : null;
  }

  /** @returns {string[]} user ids (hex) of the people in the room; of those last seen there when it is over for us */
  get userIds() {
    return this.group ? usersOf(seatsOf(this.group)) : this.transcript.userIds;
  }

  /** @returns {string[]} user ids (hex) of those who may remove others */
  get administrators() {
    return this.group ? administratorsOf(this.group) : [];
  }

  get unread() {
    return this.transcript.unreadSince(this.record.read);
  }
}
