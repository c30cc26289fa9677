// One room's own messages until they stand in its log.
//
// The log must get them in the order they were written, each once, whatever breaks in between. Three rules see to it:
// every session gets all that is not acknowledged, in order, from the first on; what was encrypted for a new epoch
// waits until the server has answered for everything before it; and the server knows a message by its id, so a repeat
// is harmless whatever its bytes. The plaintext stays beside the ciphertext, to be encrypted anew when an epoch ends.
// Spec: 3.13, 4.5

import { fromHex, toHex } from "../bytes.js";

/** A message on its way. `epoch` and `message` are null until it was encrypted. */
export class OutboxEntry {
  /** The session it was sent on last. */
  channel = null;
  /** The server took it, at this place; its row has not come yet. */
  acknowledged = false;
  seq = 0;
  /** The server has left the epoch it was encrypted in. */
  stale = false;

  /**
   * @param {object} row
   * @param {string} row.id hex @param {number} row.order ascending in the room @param {number} row.time ms
   * @param {Uint8Array} row.payload plaintext @param {string | null} row.text what the screen shows; null: nothing
   * @param {object[]} [row.attachments] what the screen shows beside it, as in a payload
   * @param {boolean} [row.leaves] whether it is the wish to leave the room, instead of a payload
   */
  constructor({ id, order, time, payload, text, attachments = [], leaves = false, epoch = null, message = null }) {
    Object.assign(this, { id, order, time, payload, text, attachments, leaves, epoch, message });
    this.messageId = fromHex(id);
  }

  get row() {
    const { id, order, time, payload, text, attachments, leaves, epoch, message } = this;
    return { id, order, time, payload, text, attachments, leaves, epoch, message };
  }
}

export class Outbox {
  #roomId;
  #entries = [];
  #unsaved = new Set();

  /** @param {string} roomId hex @param {object[]} rows of the store, in the order of their keys */
  constructor(roomId, rows = []) {
    this.#roomId = roomId;
    this.#entries = rows.map((row) => new OutboxEntry(row));
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  /** @returns {OutboxEntry[]} what the screen shows below the log */
  get shown() {
    return this.#entries.filter((entry) => entry.text !== null);
  }

  /** Whether the wish to leave is on its way. */
  get isLeaving() {
    return this.#entries.some((entry) => entry.leaves);
  }

  /** What the server has taken at a place of the log up to here. @returns {OutboxEntry[]} @param {number} seq */
  takenUpTo(seq) {
    return this.#entries.filter((entry) => entry.acknowledged && entry.seq <= seq);
  }

  find(id) {
    return this.#entries.find((entry) => entry.id === id);
  }

  /** @param {object} message what an entry takes, with its `messageId` in place of its id and order */
  add({ messageId, time, payload, text, attachments = [], leaves = false }) {
    const order = Math.max(time, (this.#entries.at(-1)?.order ?? 0) + 1);
    const entry = new OutboxEntry({ id: toHex(messageId), order, time, payload, text, attachments, leaves });
    this.#entries.push(entry);
    this.#unsaved.add(entry);
    return entry;
  }

  /** The server has taken it. @param {number} seq its place */
  acknowledge(entry, seq) {
    entry.acknowledged = true;
    entry.seq = seq;
    this.#renewOvertaken(entry);
  }

  /** It stands in the log. */
  remove(entry) {
    this.#renewOvertaken(entry);
    this.#entries = this.#entries.filter((each) => each !== entry);
    this.#unsaved.delete(entry);
  }

  /** What may be sent on this session now, in order. @param {number} epoch the group's */
  sendable(channel, epoch) {
    const plan = [];
    for (const entry of this.#entries) {
      if (entry.acknowledged) continue;
      if (entry.channel === channel && !entry.stale) {
        // Under way for an epoch that is over: it may yet be refused, and nothing may overtake it.
        if (entry.epoch !== epoch) break;
      } else if (entry.stale && entry.epoch === epoch) {
        // The commit that made it stale has not been read yet.
        break;
      } else {
        plan.push(entry);
      }
    }
    return plan;
  }

  /** Whether something is left that this session did not get yet. */
  isWaitingFor(channel) {
    return this.#entries.some((entry) => !entry.acknowledged && (entry.channel !== channel || entry.stale));
  }

  /** @returns {OutboxEntry[]} those the store does not have yet */
  get unsaved() {
    return [...this.#unsaved];
  }

  saved(entries) {
    for (const entry of entries) this.#unsaved.delete(entry);
  }

  keyOf(entry) {
    return `${this.#roomId}/${String(entry.order).padStart(16, "0")}`;
  }

  /** After a refusal that will pass: this one and all behind it are sent again, in order. */
  rewind(from) {
    for (const entry of this.#entries.slice(this.#entries.indexOf(from))) {
      if (!entry.acknowledged) entry.channel = null;
    }
  }

  /**
   * Members keep the keys of few missing messages, so one that was refused and then overtaken is encrypted anew. Not
   * every refused one is: each time skips a key, and members do not follow over more than a thousand.
   */
  #renewOvertaken(by) {
    for (const entry of this.#entries.slice(0, this.#entries.indexOf(by))) {
      if (!entry.acknowledged && entry.channel === null) entry.message = null;
    }
  }
}
