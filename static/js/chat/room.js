// One room on this device: its group, what was read of its log, and what is still to be sent.
//
// Everything that changes it is a step, one at a time: work out, write in one transaction, make it true in memory. So
// nothing leaves the device before it is on the disk, and a crash leaves the room between two steps.
// Spec: 4.6

import { fromHex, toHex } from "../bytes.js";
import { Lane } from "./lane.js";
import { RoomMembers } from "./room_members.js";
import { RoomReader } from "./room_reader.js";
import { groupRows, roomRow } from "./room_rows.js";
import { RoomSender } from "./room_sender.js";
import { MessageViews } from "./views.js";

/** The keys of an epoch that is over serve messages that were under way; the server takes such for 30 s. */
const PAST_KEPT_MS = 60_000;

export class Room {
  #lane = new Lane();
  #surroundings;
  /** The session that carries the room, and the log's last row when it began to. */
  #channel = null;
  #head = 0;
  /** Who is in the room, read from the tree once for each epoch. */
  #users = { epoch: -1, ids: [] };

  /**
   * @param {object} state `id` (hex), `record`, `group`, `pending`, `transcript`, `outbox`, as from `room_rows.js`
   * @param {object} surroundings `store`, `me`, `ask`, `changed(room)`, `failed(cause)`
   */
  constructor({ id, record, group, pending, transcript, outbox }, surroundings) {
    this.id = id;
    this.roomId = fromHex(id);
    this.record = record;
    this.group = group;
    this.pending = pending;
    this.transcript = transcript;
    this.outbox = outbox;
    /** The code of what keeps the room from going on, or null. */
    this.stuck = null;
    /** The code of what it waits for, which passes by itself; or null. */
    this.held = null;
    this.#surroundings = surroundings;
    this.sender = new RoomSender(this);
    this.reader = new RoomReader(this, surroundings.me);
    this.members = new RoomMembers(this, surroundings.ask);
    this.views = new MessageViews(this);
  }

  // What it is

  get isJoined() {
    return !this.record.gone;
  }

  /** @returns {string[]} user ids (hex) of the people in the room */
  get userIds() {
    const { epoch } = this.group;
    if (this.#users.epoch !== epoch) {
      this.#users = { epoch, ids: [...new Set(this.group.members.map((member) => toHex(member.identity.userId)))] };
    }
    return this.#users.ids;
  }

  get unread() {
    return this.transcript.unreadSince(this.record.read);
  }

  /** The session, once all that stood in the log when it began has been read; only then may anything be sent. */
  get readyChannel() {
    const isReady = this.#channel?.isOpen && this.record.cursor >= this.#head;
    return isReady && this.isJoined && this.stuck === null ? this.#channel : null;
  }

  get channel() {
    return this.#channel;
  }

  // Steps

  /**
   * @param {() => Promise<{rows: [string, string, any][], apply?: () => any}>} work
   * @returns {Promise<any>} what `apply` returned
   */
  step(work) {
    return this.#lane.run(async () => {
      const { rows, apply } = await work();
      if (rows.length > 0) await this.#surroundings.store.write(rows);
      return apply?.();
    });
  }

  /** A step nobody waits for. When it fails, the device cannot go on: its disk is full, or another page writes. */
  stepAside(work) {
    this.step(work).catch(this.#surroundings.failed);
  }

  /**
   * Another session carries the room from here on.
   * @param {{head: number, cursor: number}} place the server's answer @param {number} asked the cursor it answers to
   */
  async attach(channel, { head, cursor }, asked) {
    this.#channel = channel;
    this.#head = head;
    // The server has lost rows, or has none for us before this one: its log is where the room goes on. What the session
    // before has brought in meanwhile counts as read.
    if (head < asked) await this.reader.moveTo(head);
    else if (cursor > this.reader.received) await this.reader.moveTo(cursor);
    this.wake();
  }

  /** Something changed that may let the room go on. */
  wake() {
    this.sender.wake();
    this.members.publishPending();
  }

  /** @param {string} code of what keeps the room from going on */
  getStuck(code) {
    this.stuck = code;
    this.changed();
  }

  /** @param {string | null} code of what it waits for a while */
  hold(code) {
    if (this.held === code) return;
    this.held = code;
    this.changed();
  }

  changed() {
    this.#surroundings.changed(this);
  }

  // Small changes

  /** The next group, after its rows were written. */
  adopt(group) {
    this.group = group;
    group.eraseSpent();
  }

  update(changes) {
    return this.step(async () => this.recordStep(changes));
  }

  /** The work of a step that changes only the record. */
  recordStep(changes) {
    const record = { ...this.record, ...changes };
    return { rows: [roomRow(this.id, record)], apply: () => this.#replaceRecord(record) };
  }

  async markRead() {
    const read = this.transcript.last?.seq ?? 0;
    if (read > this.record.read) await this.update({ read });
  }

  /**
   * Erase the keys of the epoch before when their time is over. Whoever was away reads on first: what was sent in that
   * epoch's last moments may stand behind the commit in the log.
   */
  async erasePast(now) {
    if (!this.group.hasPast || !this.readyChannel || now - this.record.epochSince < PAST_KEPT_MS) return;
    await this.step(async () => {
      const group = this.group.withoutPast();
      return { rows: groupRows(this.id, group, this.group), apply: () => this.adopt(group) };
    });
  }

  #replaceRecord(record) {
    this.record = record;
    this.changed();
  }
}
