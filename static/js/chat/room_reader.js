// Reading a room's log as it comes in.

import { Problem } from "./problem.js";
import { archiveRow, groupRows, knownRow, noGroupRows, pendingRow, roomRow } from "./room_rows.js";
import { Reading } from "./reading.js";

/** What came in is read in portions, so that a long log does not wait for one huge transaction. */
const ROWS_AT_ONCE = 64;

/** Whoever found back into a room by themselves is told its name, by the first who does after a share of this. */
const PROFILE_WAIT_MS = 2000;

export class RoomReader {
  #room;
  #me;
  #random;
  #incoming = [];
  #received;

  #owesName = false;
  /** What is wrong with the commit that is not understood, in a word. */
  objection = "";

  /** @param {import("./room.js").Room} room @param {object} surroundings `me`, `random()` */
  constructor(room, { me, random }) {
    this.#room = room;
    this.#me = me;
    this.#random = random;
    this.#received = room.record.cursor;
  }

  /** The last row that came in, read or not; the server is asked for what follows it. */
  get received() {
    return this.#received;
  }

  /**
   * @param {import("../protocol/bodies.js").ChatDelivery} row
   * @returns {boolean} false when rows before it are missing
   */
  receive(row) {
    if (row.seq > this.#received + 1) return false;
    if (row.seq === this.#received + 1) {
      this.#received = row.seq;
      this.#incoming.push(row);
      this.#room.stepAside(() => this.#readMore());
    }
    return true;
  }

  /** Go on at another place of the log, which was not reached by reading. */
  async moveTo(cursor) {
    this.skipTo(cursor);
    await this.#room.update({ cursor });
  }

  /** The same for a place that is on the disk already. */
  skipTo(cursor) {
    this.#incoming = [];
    this.#received = cursor;
  }

  /** Own messages that stand in the log where this device has passed, or was led past: their rows come no more. */
  readPassed() {
    this.#room.stepAside(async () => {
      const { id, record, transcript, outbox } = this.#room;
      const passed = outbox.takenUpTo(record.cursor);
      const entries = passed.filter((entry) => entry.text !== null).map((entry) => this.#entryOf(entry));
      return {
        rows: [
          ...passed.map((entry) => ["outbox", outbox.keyOf(entry), null]),
          ...entries.map((entry) => archiveRow(id, entry)),
        ],
        apply: () => {
          for (const entry of passed) outbox.remove(entry);
          for (const entry of entries) transcript.append(entry);
          this.#room.changed();
        },
      };
    });
  }

  // Internal

  async #readMore() {
    const room = this.#room;
    const portion = this.#incoming.splice(0, ROWS_AT_ONCE);
    // A room that is over takes nothing in, and what comes while it must find back is not for this device.
    if (!room.isJoined || room.recovery.isNeeded) return { rows: [] };
    const reading = new Reading(room, this.#me);
    for (const row of portion) await reading.read(row);
    if (reading.cursor === room.record.cursor) return { rows: [], apply: () => this.#noteStuck(reading) };
    const record = this.#recordAfter(reading);
    const known = reading.removed ? room.known : reading.known;
    this.#queueWhatFollows(reading, record);
    const unsaved = room.outbox.unsaved;
    return {
      rows: this.#rowsAfter(reading, { record, known, unsaved }),
      apply: () => {
        room.outbox.saved(unsaved);
        this.#apply(reading, { record, known });
      },
    };
  }

  #recordAfter({ cursor, name, removed, epochEnded, settled, isConfirmed }) {
    const { record } = this.#room;
    const now = Date.now();
    return {
      ...record,
      cursor,
      name: name ?? record.name,
      gone: record.gone || removed,
      epochSince: epochEnded ? now : record.epochSince,
      unconfirmed: isConfirmed ? null : record.unconfirmed,
      ...(settled === "adopted" ? { renewedAt: now, sent: 0 } : {}),
    };
  }

  /** What these rows lead to is decided together with them: it must not be lost between two steps. */
  #queueWhatFollows(reading, record) {
    const { pending, sender, outbox } = this.#room;
    if (reading.removed) return;
    // Whoever was added does not know the room's name.
    if (reading.settled === "adopted" && pending.added.length > 0) sender.queueProfile();
    // The wish to leave was for the epoch that is over.
    const isAsked = outbox.isLeaving && !reading.delivered.some((entry) => entry.leaves);
    if (record.leaving && reading.epochEnded && !isAsked) sender.queueLeave();
  }

  #rowsAfter(reading, { record, known, unsaved }) {
    const { id, group, known: before, outbox } = this.#room;
    return [
      roomRow(id, record),
      ...(reading.removed ? noGroupRows(id) : groupRowsIfChanged(id, reading.group, group)),
      ...(reading.settled && !reading.removed ? [pendingRow(id, null)] : []),
      ...(known === before || known?.epoch === before?.epoch ? [] : [knownRow(id, known)]),
      ...reading.entries.map((entry) => archiveRow(id, entry)),
      ...unsaved.map((entry) => ["outbox", outbox.keyOf(entry), entry.row]),
      ...reading.delivered.map((entry) => ["outbox", outbox.keyOf(entry), null]),
    ];
  }

  #apply(reading, { record, known }) {
    const room = this.#room;
    room.record = record;
    room.known = known;
    room.adopt(reading.group);
    this.#noteStuck(reading);
    for (const entry of reading.delivered) room.outbox.remove(entry);
    for (const entry of reading.entries) room.transcript.append(entry);
    if (reading.removed) room.members.settled("refused", new Problem("not_member"));
    else room.members.settled(reading.settled);
    this.#oweName(reading);
    room.changed();
    room.wake();
  }

  #oweName({ name, isNameTold, removed }) {
    if (name !== null && isNameTold) this.#owesName = false;
    if (isNameTold || removed || this.#owesName) return;
    this.#owesName = true;
    setTimeout(() => this.#tellName(), this.#random() * PROFILE_WAIT_MS);
  }

  #tellName() {
    const room = this.#room;
    if (this.#owesName && room.readyChannel && room.isAble) {
      room.sender.queueProfile();
      room.sender.wake();
    }
    this.#owesName = false;
  }

  #entryOf({ id, seq, time, text, attachments }) {
    return { id, seq, time, sender: this.#me.userId, own: true, kind: "text", text, attachments, notice: null };
  }

  #noteStuck({ stuck, objection }) {
    if (stuck === null) return;
    this.objection = objection;
    this.#room.getStuck(stuck);
  }
}

function groupRowsIfChanged(id, group, before) {
  return group === before ? [] : groupRows(id, group, before);
}
