// Joining the rooms others have put this device into.
//
// Spec: 3.14, 4.5

import { toHex } from "../bytes.js";
import { Group } from "../standin/group.js";
import { welcomeRefs } from "../standin/key_package.js";
import { archiveRow, groupRows, newRecord, roomRow } from "./room_rows.js";
import { fetchBlob } from "./staging.js";

export class Welcomes {
  #store;
  #device;
  #stock;
  #ask;
  #me;

  /** @param {object} parts `store`, `device` (MlsDevice), `stock` (KeyStock), `ask`, `me` */
  constructor({ store, device, stock, ask, me }) {
    this.#store = store;
    this.#device = device;
    this.#stock = stock;
    this.#ask = ask;
    this.#me = me;
  }

  /**
   * Join everything that waits.
   * @param {(roomId: string) => {epoch: number, isJoined: boolean} | null} known the room as it is here
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

  async #open(welcome, known) {
    if (known?.isJoined && known.epoch >= welcome.epoch) return null;
    const id = toHex(welcome.room);
    const bytes = await fetchBlob(this.#ask, welcome.room, welcome.digest, welcome.size);
    const groupInfo = await fetchBlob(this.#ask, welcome.room, welcome.group_info, welcome.group_info_size);
    const ours = await this.#stock.find(refsOf(bytes));
    const group = ours ? await this.#join(welcome.room, bytes, groupInfo, ours.privateBytes) : null;
    if (group === null) return null;
    const record = newRecord({ cursor: welcome.seq, read: welcome.seq });
    const entry = joinedEntry(welcome, this.#me.userId);
    await this.#store.write([
      roomRow(id, record),
      ...groupRows(id, group),
      ["pending", id, null],
      archiveRow(id, entry),
      ...(ours.isLastResort ? [] : [["packages", ours.ref, null]]),
    ]);
    return { id, record, group, entry };
  }

  async #join(roomId, welcome, groupInfo, privateBytes) {
    try {
      return await Group.join(this.#device, roomId, { welcome, groupInfo, privateBytes });
    } catch {
      return null;
    }
  }
}

function refsOf(welcome) {
  try {
    return welcomeRefs(welcome);
  } catch {
    return [];
  }
}

/** The first thing a newcomer sees of a room. */
function joinedEntry({ room, seq }, userId) {
  const id = `${toHex(room)}-joined-${seq}`;
  const notice = { kind: "joined", userIds: [userId] };
  return { id, seq, time: Date.now(), sender: userId, own: true, kind: "notice", text: "", notice };
}
