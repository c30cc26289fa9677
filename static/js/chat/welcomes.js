// Joining the rooms others have put this device into.
//
// Spec: 3.14, 4.5

import { toHex } from "../bytes.js";
import { refsOf } from "./groups.js";
import { noticeEntry } from "./notices.js";
import { archiveRow, groupRows, knownOf, knownRow, newRecord, roomRow } from "./room_rows.js";
import { fetchBlob } from "./staging.js";

export class Welcomes {
  #store;
  #groups;
  #stock;
  #ask;
  #me;

  /** @param {object} parts `store`, `groups`, `stock` (KeyStock), `ask`, `me` */
  constructor({ store, groups, stock, ask, me }) {
    this.#store = store;
    this.#groups = groups;
    this.#stock = stock;
    this.#ask = ask;
    this.#me = me;
  }

  /**
   * Join everything that waits.
   * @param {(roomId: string) => {known: {epoch: number} | null} | null} known the room as it is here
   * @param {(state: object) => Promise<void>} joined is given what `Room` takes, once it is stored
   */
  async take(known, joined) {
    const { welcomes } = await this.#ask("welcome.take", {});
    for (const welcome of welcomes) {
      const state = await this.#open(welcome, known(toHex(welcome.room)));
      if (state) await joined(state);
      // Also one that cannot be opened: it would come again for ever, and whoever made it can only make another.
      await this.#ask("welcome.take", { done: [welcome.id] });
    }
  }

  async #open(welcome, room) {
    // Into an epoch this device was in already, somebody leads it back. Spec: 4.6
    if (room?.known && room.known.epoch >= welcome.epoch) return null;
    const id = toHex(welcome.room);
    const bytes = await fetchBlob(this.#ask, welcome.room, welcome.digest, welcome.size);
    const groupInfo = await fetchBlob(this.#ask, welcome.room, welcome.group_info, welcome.group_info_size);
    const ours = await this.#stock.find(refsOf(bytes));
    const group = ours ? await this.#join(welcome.room, bytes, groupInfo, ours.privateBytes) : null;
    if (group === null || group.epoch !== welcome.epoch) return null;
    const [record, known] = [newRecord({ cursor: welcome.seq, read: welcome.seq }), knownOf(group)];
    const entry = joinedEntry(welcome, this.#me.userId);
    await this.#store.write([
      roomRow(id, record),
      ...groupRows(id, group),
      knownRow(id, known),
      ["pending", id, null],
      archiveRow(id, entry),
      ...(ours.isLastResort ? [] : [["packages", ours.ref, null]]),
    ]);
    return { id, record, group, known, entry };
  }

  async #join(roomId, welcome, groupInfo, privateBytes) {
    try {
      return await this.#groups.join(roomId, { welcome, groupInfo, privateBytes });
    } catch {
      return null;
    }
  }
}

/** The first thing a newcomer sees of a room. */
function joinedEntry({ room, seq }, userId) {
  const place = { id: `${toHex(room)}-joined-${seq}`, seq, time: Date.now(), sender: userId, own: true };
  return noticeEntry(place, { kind: "joined", userIds: [userId] });
}
