// Reading a room's log: from rows in their order to what they change, without changing anything yet.
//
// A batch of rows is read against the room as it stands. The caller then writes everything it led to in one transaction
// and only after that makes it true in memory, so a crash at any moment leaves the room at a row's boundary.
// Spec: 4.5, 4.6

import { sameBytes, toHex } from "../bytes.js";
import { encodeAttachments } from "../protocol/attachment.js";
import { memberData } from "../protocol/authenticated_data.js";
import { Unauthentic } from "../protocol/errors.js";
import { ContentType, MessageHeader } from "../protocol/message_header.js";
import { changeEntries } from "./notices.js";
import { parsePayload } from "./payload.js";
import { knownOf } from "./room_rows.js";
import { seatsOf, userOf, usersOf } from "./roster.js";

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
  /** Whether somebody told the name after the last of those who found back into the room by themselves. */
  isNameTold = true;
  /** @type {string | null} one of the STUCK codes */
  stuck = null;
  /** What is wrong with the commit it is stuck at, in a word. */
  objection = "";
  removed = false;
  epochEnded = false;
  /** Whether the group is believed to be the one this device knew. */
  isConfirmed;
  #room;

  /**
   * @param {object} room `group`, `pending` (or null), `known`, `outbox`, `transcript`, `record`
   * @param {{userId: string, deviceId: Uint8Array}} me
   */
  constructor(room, me) {
    this.#room = room;
    this.me = me;
    this.group = room.group;
    this.cursor = room.record.cursor;
    this.isConfirmed = room.record.unconfirmed === null;
  }

  /** The highest epoch that is believed in and who had leaves in it. @returns {{epoch: number, keys: Uint8Array[]}} */
  get known() {
    return this.isConfirmed ? knownOf(this.group) : this.#room.known;
  }

  /** Read the next row. One that does not follow, because the room is stuck before it, is passed over. */
  async read(row) {
    if (row.seq !== this.cursor + 1 || this.removed) return;
    const header = parseHeader(row.message);
    if (header === null) this.#unreadable(row, `${row.seq}`);
    else if (sameBytes(row.sender, this.me.deviceId)) this.#readOwn(row, header);
    else if (header.contentType === ContentType.COMMIT) await this.#readCommit(row, header);
    else if (header.contentType === ContentType.PROPOSAL) await this.#readProposal(row, header);
    else await this.#readMessage(row, header);
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
      const { text, attachments, leaves } = entry;
      if (text === null && !leaves) this.#takeName(parsePayload(entry.payload).name);
      else if (text !== null) this.#show(row, id, { kind: "text", text, attachments, sender: this.me.userId, own: true });
    } else if (!this.#isKnown(id)) {
      this.stuck = STUCK_ROLLED_BACK;
    }
    return undefined;
  }

  #readOwnCommit(row, header) {
    const { pending } = this.#room;
    if (pending && this.settled === null && sameBytes(pending.messageId, header.messageId)) {
      const before = seatsOf(this.group);
      this.group = this.group.adopt(pending.next);
      this.settled = "adopted";
      this.epochEnded = true;
      this.#showChange(row, toHex(header.messageId), before, seatsOf(this.group));
    } else if (header.epoch >= this.group.epoch) {
      this.stuck = STUCK_ROLLED_BACK;
    }
  }

  #takeName(name) {
    this.name = name;
    this.isNameTold = true;
  }

  // Rows of others

  async #readMessage(row, header) {
    const id = toHex(header.messageId);
    if (this.#isKnown(id)) return;
    try {
      const { group, leaf, payload } = await this.#open(row, header);
      // The keys of this message are used up, whatever stands in it.
      this.group = group;
      this.#hear(leaf);
      const content = parsePayload(payload);
      if (content.type === "text") {
        const [sender, attachments] = [userOf(leaf), encodeAttachments(content.attachments)];
        this.#show(row, id, { kind: "text", text: content.text, attachments, sender, own: sender === this.me.userId });
      } else if (content.type === "profile") {
        this.#takeName(content.name);
      }
    } catch {
      this.#unreadable(row, id);
    }
  }

  /** Somebody wants to leave. One that does not open is like one that was never made. */
  async #readProposal(row, header) {
    const opened = await this.#open(row, header).catch(() => null);
    if (opened) this.group = opened.group;
  }

  async #readCommit(row, header) {
    // One that lost the race for its epoch, or one we have applied, is only passed over.
    if (header.epoch < this.group.epoch) return;
    try {
      const before = seatsOf(this.group);
      const { group, kind, sender, leaf } = await this.group.open(row.message);
      this.removed = kind === "removed";
      this.group = this.removed ? null : group;
      this.epochEnded = true;
      if (this.#room.pending && this.settled === null) this.settled = "superseded";
      if (!this.removed) this.#hear(leaf);
      // Whoever came by themselves does not know the room's name.
      if (sender === null) this.isNameTold = false;
      const after = this.removed ? before.filter((seat) => !sameBytes(seat.deviceId, this.me.deviceId)) : seatsOf(group);
      this.#showChange(row, toHex(header.messageId), before, after);
    } catch (cause) {
      this.stuck = STUCK_COMMIT;
      this.objection = cause.reason ?? "unreadable";
    }
  }

  /** What members send between commits carries their own data and nothing else. */
  async #open(row, { authenticatedData, messageId }) {
    const expected = memberData(this.#room.roomId, messageId);
    if (!sameBytes(authenticatedData, expected)) throw new Unauthentic("authenticated data of another form");
    return this.group.open(row.message);
  }

  /** In a group that was entered from outside, the first word of somebody we knew there proves that it is the same. */
  #hear(leaf) {
    if (this.isConfirmed) return;
    const { known, groups } = this.#room;
    const isOurs = sameBytes(leaf.signatureKey, groups.signatureKey);
    this.isConfirmed = !isOurs && (known?.keys.some((key) => sameBytes(key, leaf.signatureKey)) ?? false);
  }

  // Internal

  #isKnown(id) {
    return this.#room.transcript.has(id) || [...this.entries, ...this.delivered].some((entry) => entry.id === id);
  }

  #show(row, id, { kind, text = "", attachments = [], sender = "", own = false }) {
    this.entries.push({ id, seq: row.seq, time: row.serverTimeMs, sender, own, kind, text, attachments, notice: null });
  }

  #unreadable(row, id) {
    this.#show(row, id, { kind: "unreadable" });
  }

  #showChange({ seq, serverTimeMs: time }, id, before, after) {
    this.entries.push(...changeEntries({ id, seq, time }, usersOf(before), usersOf(after)));
  }
}

/** @returns {MessageHeader | null} null for what names no message id either */
function parseHeader(message) {
  try {
    const header = MessageHeader.parse(message);
    return header.messageId ? header : null;
  } catch {
    return null;
  }
}
