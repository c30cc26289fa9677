// Getting a room's own messages into its log.
//
// Spec: 4.5, 3.13

import { memberData } from "../protocol/authenticated_data.js";
import { encodeAttachments } from "../protocol/attachment.js";
import { newMessageId } from "../protocol/primitives.js";
import { encodeProfile, encodeText } from "./payload.js";
import { PASSING, SHOWN_WAIT_SECONDS, waitSeconds } from "./refusals.js";
import { groupRows, roomRow } from "./room_rows.js";

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

/** So many are encrypted in one transaction at most. */
const MESSAGES_AT_ONCE = 32;

export class RoomSender {
  #room;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer = null;
  #retryAt = 0;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.#room = room;
  }

  // Actions

  /**
   * Queue a text, and files that the server has already.
   * @param {{messageId?: Uint8Array, time?: number, attachments?: object[]}} [more]
   * @returns {Promise<string>} its message id (hex), once it is on the disk
   */
  async send(text, { time = Date.now(), messageId = newMessageId(time), attachments = [] } = {}) {
    const payload = encodeText(text, time, attachments);
    const shown = { text, attachments: encodeAttachments(attachments) };
    const entry = this.#room.outbox.add({ messageId, time, payload, ...shown });
    this.#room.changed();
    await this.#room.step(() => this.#prepare());
    return entry.id;
  }

  /** Tell the members the room's name. It is on the disk with the next step at the latest. */
  queueProfile() {
    const time = Date.now();
    const payload = encodeProfile(this.#room.record.name, time);
    return this.#room.outbox.add({ messageId: newMessageId(time), time, payload, text: null });
  }

  /** Ask the members to take this device out of the group. It is on the disk with the next step at the latest. */
  queueLeave() {
    const time = Date.now();
    const message = { messageId: newMessageId(time), time, payload: new Uint8Array(), text: null, leaves: true };
    return this.#room.outbox.add(message);
  }

  /** Something changed that may let more of the outbox go. */
  wake() {
    if (!this.#room.outbox.isEmpty) this.#room.stepAside(() => this.#prepare());
  }

  // Answers

  /** @param {number} seq the place it has in the log */
  acknowledged(id, seq) {
    this.#retryMs = FIRST_RETRY_MS;
    const room = this.#room;
    room.hold(null);
    const entry = room.outbox.find(id);
    if (!entry || entry.acknowledged) return;
    room.outbox.acknowledge(entry, seq);
    room.changed();
    if (seq <= room.record.cursor) room.reader.readPassed();
  }

  /** The server did not take a message. @param {object} channel the session that said so */
  refused(channel, id, cause) {
    const room = this.#room;
    const entry = room.outbox.find(id);
    if (!entry || entry.acknowledged || entry.channel !== channel) return;
    if (cause.code === "stale_epoch") {
      entry.stale = true;
      this.wake();
    } else if (PASSING.has(cause.code)) {
      room.outbox.rewind(entry);
      this.#retryLater(cause);
    } else if (cause.code === "not_member") {
      room.end().catch(room.failed);
    } else {
      // The same bytes would be refused again, and nothing may overtake them.
      room.getStuck(cause.code);
    }
  }

  // Internal

  async #prepare() {
    const room = this.#room;
    const isHeld = this.#retryTimer !== null || room.pending !== null || room.record.unconfirmed !== null;
    const channel = isHeld ? null : room.readyChannel;
    const plan = channel ? room.outbox.sendable(channel, room.group.epoch).slice(0, MESSAGES_AT_ONCE) : [];
    const { group, sealed, ready } = await this.#seal(plan);
    const unsaved = room.outbox.unsaved;
    const record = { ...room.record, sent: room.record.sent + sealed.size };
    return {
      rows: [
        ...this.#entryRows(unsaved, sealed),
        ...(sealed.size > 0 ? [roomRow(room.id, record), ...groupRows(room.id, group, room.group)] : []),
      ],
      apply: () => {
        for (const [entry, ciphertext] of sealed) Object.assign(entry, ciphertext);
        room.outbox.saved(unsaved);
        if (sealed.size === 0) return this.#transmit(channel, ready);
        room.record = record;
        room.adopt(group);
        return this.#transmit(channel, ready);
      },
    };
  }

  /** The entries that can go, as far as they come one behind the other; those that need it are encrypted. */
  async #seal(plan) {
    let { group } = this.#room;
    const sealed = new Map();
    const ready = [];
    for (const entry of plan) {
      if (entry.message === null || entry.epoch !== group.epoch) {
        // Somebody leaves, and nobody may write before that was committed. Spec: 4.4
        if (group.pendingProposals > 0) break;
        const made = await this.#encrypt(group, entry);
        group = made.group;
        sealed.set(entry, { epoch: group.epoch, message: made.message });
      }
      ready.push(entry);
    }
    return { group, sealed, ready };
  }

  async #encrypt(before, { payload, messageId, leaves }) {
    const { roomId, groups } = this.#room;
    const authenticatedData = memberData(roomId, messageId);
    const [group, message] = leaves
      ? await groups.leave(before, authenticatedData)
      : await groups.seal(before, payload, authenticatedData);
    return { group, message };
  }

  #entryRows(unsaved, sealed) {
    const { outbox } = this.#room;
    return [...new Set([...unsaved, ...sealed.keys()])].map((entry) => [
      "outbox",
      outbox.keyOf(entry),
      { ...entry.row, ...sealed.get(entry) },
    ]);
  }

  #transmit(channel, plan) {
    for (const entry of plan) {
      if (!channel.hasWindow) return;
      channel.sendMessage(this.#room.roomId, entry.message, entry.messageId);
      entry.channel = channel;
      entry.stale = false;
    }
  }

  /** After as long as the server says, or after pauses that grow when it does not. */
  #retryLater(cause) {
    const seconds = waitSeconds(cause);
    if (seconds >= SHOWN_WAIT_SECONDS) this.#room.hold(cause.code);
    const retryAt = Date.now() + (seconds > 0 ? seconds * 1000 : this.#retryMs);
    if (this.#retryTimer !== null && retryAt <= this.#retryAt) return;
    if (this.#retryTimer === null) this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
    clearTimeout(this.#retryTimer);
    this.#retryAt = retryAt;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.wake();
    }, retryAt - Date.now());
  }
}
