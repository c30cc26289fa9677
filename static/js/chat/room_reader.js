// Reading a room's log as it comes in.

import { groupRows, archiveRow, pendingRow, roomRow } from "./room_rows.js";
import { Reading } from "./reading.js";

/** What came in is read in portions, so that a long log does not wait for one huge transaction. */
const ROWS_AT_ONCE = 64;

export class RoomReader {
  #room;
  #me;
  #incoming = [];
  #received;

  /** @param {import("./room.js").Room} room @param {{userId: string, deviceId: Uint8Array}} me */
  constructor(room, me) {
    this.#room = room;
    this.#me = me;
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
    this.#incoming = [];
    this.#received = cursor;
    await this.#room.update({ cursor });
  }

  async #readMore() {
    const room = this.#room;
    const reading = new Reading(room, this.#me);
    for (const row of this.#incoming.splice(0, ROWS_AT_ONCE)) await reading.read(row);
    if (reading.cursor === room.record.cursor) return { rows: [], apply: () => this.#noteStuck(reading.stuck) };
    const record = this.#recordAfter(reading);
    // Whoever was added does not know the room's name; that it is told is decided together with the adding.
    const hasNewcomers = reading.settled === "adopted" && room.pending.added.length > 0;
    if (hasNewcomers) room.sender.queueProfile();
    const unsaved = room.outbox.unsaved;
    return {
      rows: this.#rowsAfter(reading, record, unsaved),
      apply: () => {
        room.outbox.saved(unsaved);
        this.#apply(reading, record);
      },
    };
  }

  #recordAfter({ cursor, name, removed, epochEnded }) {
    const { record } = this.#room;
    return {
      ...record,
      cursor,
      name: name ?? record.name,
      gone: record.gone || removed,
      epochSince: epochEnded ? Date.now() : record.epochSince,
    };
  }

  #rowsAfter(reading, record, unsaved) {
    const { id, group, outbox } = this.#room;
    return [
      roomRow(id, record),
      ...groupRowsIfChanged(id, reading.group, group),
      ...reading.entries.map((entry) => archiveRow(id, entry)),
      ...unsaved.map((entry) => ["outbox", outbox.keyOf(entry), entry.row]),
      ...reading.delivered.map((entry) => ["outbox", outbox.keyOf(entry), null]),
      ...(reading.settled ? [pendingRow(id, null)] : []),
    ];
  }

  #apply(reading, record) {
    const room = this.#room;
    room.record = record;
    room.adopt(reading.group);
    this.#noteStuck(reading.stuck);
    for (const entry of reading.delivered) room.outbox.remove(entry);
    for (const entry of reading.entries) room.transcript.append(entry);
    room.members.settled(reading.settled);
    room.changed();
    room.wake();
  }

  #noteStuck(code) {
    if (code !== null) this.#room.getStuck(code);
  }
}

function groupRowsIfChanged(id, group, before) {
  return group === before ? [] : groupRows(id, group, before);
}
