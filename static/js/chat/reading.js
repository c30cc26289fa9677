// Reading a room's log: from rows in their order to what they change, without changing anything yet.
//
// A batch of rows is read against the room as it stands. The caller then writes everything it led to in one transaction
// and only after that makes it true in memory, so a crash at any moment leaves the room at a row's boundary.
// Spec: 4.5, 4.6

import { sameBytes, toHex } from "../bytes.js";
import { ContentType, MessageHeader } from "../protocol/message_header.js";
import { parsePayload } from "./payload.js";

/** Why a room cannot be read on; the cursor stays before the row. */
export const STUCK_ROLLED_BACK = "state_rolled_back";
export const STUCK_COMMIT = "commit_not_understood";

export class Reading {
  /** @type {import("./transcript.js").Entry[]} */
  entries = [];
  /** Outbox entries that stand in the log now. */
  delivered = [];
  /** The pending commit's fate: null, "adopted" or "superseded". */
  settled = null;
  /** The room's new name, or null. */
  name = null;
  /** @type {string | null} one of the STUCK codes */
  stuck = null;
  removed = false;
  epochEnded = false;
  #room;

  /**
   * @param {object} room `group`, `pending` (or null), `outbox`, `transcript`, `record`
   * @param {{userId: string, deviceId: Uint8Array}} me
   */
  constructor(room, me) {
    this.#room = room;
    this.me = me;
    this.group = room.group;
    this.cursor = room.record.cursor;
  }

  /** Read the next row. One that does not follow, because the room is stuck before it, is passed over. */
  async read(row) {
    if (row.seq !== this.cursor + 1) return;
    const header = parseHeader(row.message);
    if (header === null) this.#unreadable(row, `${row.seq}`);
    else if (sameBytes(row.sender, this.me.deviceId)) this.#readOwn(row, header);
    else if (header.contentType === ContentType.COMMIT) await this.#readCommit(row, header);
    else if (header.contentType === ContentType.APPLICATION) await this.#readMessage(row, header);
    if (!this.stuck) this.cursor = row.seq;
  }

  // Own rows

  /** Own messages cannot be opened, they are known by their id; an unknown one means that our state was set back. */
  #readOwn(row, header) {
    const id = toHex(header.messageId);
    if (header.contentType === ContentType.COMMIT) return this.#readOwnCommit(row, header);
    const entry = this.#room.outbox.find(id);
    if (entry && !this.delivered.includes(entry)) {
      this.delivered.push(entry);
      const { text } = entry;
      if (text === null) this.#readProfile(entry.payload);
      else this.#show(row, id, { kind: "text", text, sender: this.me.userId, own: true });
    } else if (!this.#isKnown(id)) {
      this.stuck = STUCK_ROLLED_BACK;
    }
    return undefined;
  }

  #readOwnCommit(row, header) {
    const { pending } = this.#room;
    if (pending && this.settled === null && sameBytes(pending.messageId, header.messageId)) {
      const before = this.group.members;
      this.group = this.group.adopt(pending.next);
      this.settled = "adopted";
      this.epochEnded = true;
      this.#showChange(row, toHex(header.messageId), before, this.group.members);
    } else if (header.epoch >= this.group.epoch) {
      this.stuck = STUCK_ROLLED_BACK;
    }
  }

  #readProfile(payload) {
    const profile = parsePayload(payload);
    if (profile.type === "profile") this.name = profile.name;
  }

  // Rows of others

  async #readMessage(row, header) {
    const id = toHex(header.messageId);
    if (this.#isKnown(id)) return;
    try {
      const { group, sender, payload } = await this.group.open(row.message);
      // The keys of this message are used up, whatever stands in it.
      this.group = group;
      const content = parsePayload(payload);
      if (content.type === "text") {
        const userId = toHex(sender.identity.userId);
        this.#show(row, id, { kind: "text", text: content.text, sender: userId, own: userId === this.me.userId });
      } else if (content.type === "profile") {
        this.name = content.name;
      }
    } catch {
      this.#unreadable(row, id);
    }
  }

  async #readCommit(row, header) {
    // One that lost the race for its epoch, or one we have applied, is only passed over.
    if (header.epoch < this.group.epoch) return;
    try {
      const before = this.group.members;
      const { group, kind } = await this.group.open(row.message);
      this.group = group;
      this.epochEnded = true;
      this.removed = kind === "removed";
      if (this.#room.pending && this.settled === null) this.settled = "superseded";
      const after = this.removed ? before.filter((member) => !this.#isThisDevice(member)) : group.members;
      this.#showChange(row, toHex(header.messageId), before, after);
    } catch {
      this.stuck = STUCK_COMMIT;
    }
  }

  // Internal

  #isKnown(id) {
    return this.#room.transcript.has(id) || this.entries.some((entry) => entry.id === id) || this.#wasDelivered(id);
  }

  #wasDelivered(id) {
    return this.delivered.some((entry) => entry.id === id);
  }

  #isThisDevice(member) {
    return sameBytes(member.identity.deviceId, this.me.deviceId);
  }

  #show(row, id, { kind, text = "", sender = "", own = false, notice = null }) {
    this.entries.push({ id, seq: row.seq, time: row.serverTimeMs, sender, own, kind, text, notice });
  }

  #unreadable(row, id) {
    this.#show(row, id, { kind: "unreadable" });
  }

  /** People come and go; a further device of somebody who is there is no news. */
  #showChange(row, id, before, after) {
    const were = new Set(before.map((member) => toHex(member.identity.userId)));
    const are = new Set(after.map((member) => toHex(member.identity.userId)));
    const joined = [...are].filter((userId) => !were.has(userId));
    const left = [...were].filter((userId) => !are.has(userId));
    if (left.length > 0) this.#show(row, `${id}-left`, { kind: "notice", notice: { kind: "left", userIds: left } });
    if (joined.length > 0) this.#show(row, id, { kind: "notice", notice: { kind: "joined", userIds: joined } });
  }
}

function parseHeader(message) {
  try {
    return MessageHeader.parse(message);
  } catch {
    return null;
  }
}
