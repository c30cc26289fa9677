// One room on this device: its group, what was read of its log, and what is still to be sent.
//
// Everything that changes it is a step, one at a time: work out, write in one transaction, make it true in memory. So
// nothing leaves the device before it is on the disk, and a crash leaves the room between two steps.
// Spec: 4.6

import { Lane } from "./lane.js";
import { Problem } from "./problem.js";
import { Recovery, STATE_LOST } from "./recovery.js";
import { RoomMembers } from "./room_members.js";
import { RoomReader } from "./room_reader.js";
import { noGroupRows, roomRow } from "./room_rows.js";
import { RoomSender } from "./room_sender.js";
import { RoomState } from "./room_state.js";
import { Upkeep } from "./upkeep.js";
import { MessageViews } from "./views.js";

export class Room extends RoomState {
  #lane = new Lane();
  #surroundings;
  /** The session that carries the room, and the log's last row when it began to. */
  #channel = null;
  #head = 0;
  #isClosed = false;

  /**
   * @param {object} state what `RoomState` takes
   * @param {object} surroundings `store`, `groups`, `me`, `ask`, `random`, `changed(room)`, `failed(cause)`,
   *   `resume(room)`
   */
  constructor(state, surroundings) {
    super(state);
    this.groups = surroundings.groups;
    if (this.isJoined && (this.group === null || this.pending?.isExternal)) this.stuck = STATE_LOST;
    this.#surroundings = surroundings;
    this.sender = new RoomSender(this);
    this.reader = new RoomReader(this, surroundings);
    this.members = new RoomMembers(this, surroundings);
    this.recovery = new Recovery(this, surroundings);
    this.upkeep = new Upkeep(this, surroundings);
    this.views = new MessageViews(this);
  }

  // The session

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
      if (this.#isClosed) throw new Problem("unavailable");
      const { rows, apply } = await work();
      if (rows.length > 0) await this.#surroundings.store.write(rows);
      return apply?.();
    });
  }

  /** A step nobody waits for. When it fails, the device cannot go on: its disk is full, or another page writes. */
  stepAside(work) {
    this.step(work).catch(this.failed);
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
    await this.upkeep.attached(Date.now());
    this.wake();
  }

  /** Nothing is done here any more: the page goes, or another object stands for the room. */
  close() {
    this.#isClosed = true;
    this.#channel = null;
    this.recovery.stop();
    this.upkeep.stop();
  }

  /** Something changed that may let the room go on. */
  wake() {
    this.sender.wake();
    this.members.publishPending();
    this.members.settleProposals();
    this.recovery.wake();
  }

  /** @param {string} code of what keeps the room from going on */
  getStuck(code) {
    this.stuck = code;
    this.changed();
    this.recovery.wake();
  }

  /** @param {string | null} code of what it waits for a while */
  hold(code) {
    if (this.held === code) return;
    this.held = code;
    this.changed();
  }

  /** Something went wrong after which the device cannot go on. */
  failed = (cause) => {
    if (!this.#isClosed) this.#surroundings.failed(cause);
  };

  changed() {
    this.#surroundings.changed(this);
  }

  // Small changes

  /** The next group, after its rows were written; null when there is none for this device. */
  adopt(group) {
    this.group = group;
    group?.eraseSpent();
  }

  update(changes) {
    return this.step(async () => this.recordStep(changes));
  }

  /** The work of a step that changes only the record. */
  recordStep(changes) {
    const record = { ...this.record, ...changes };
    return { rows: [roomRow(this.id, record)], apply: () => this.replaceRecord(record) };
  }

  /** It is over for this device: what was read stays, the keys go. */
  end() {
    return this.step(async () => {
      const { rows, apply } = this.recordStep({ gone: true });
      const forget = () => {
        this.adopt(null);
        this.members.settled("refused", new Problem("not_member"));
        apply();
      };
      return { rows: [...rows, ...noGroupRows(this.id)], apply: forget };
    });
  }

  async markRead() {
    const read = this.transcript.last?.seq ?? 0;
    if (read > this.record.read) await this.update({ read });
  }

  replaceRecord(record) {
    this.record = record;
    this.changed();
  }
}
