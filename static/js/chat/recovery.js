// Finding back into a room whose state is lost, was set back, or met a commit this device cannot follow: a new leaf by
// an external commit. Nobody's word is taken for the new group until somebody we know of has spoken in it.
//
// Spec: 4.4, 4.6

import { PeerError } from "../protocol/errors.js";
import { newMessageId } from "../protocol/primitives.js";
import { retrySeconds } from "../protocol/retry.js";
import { changeEntries, noticeEntry } from "./notices.js";
import { PendingCommit } from "./pending_commit.js";
import { Problem } from "./problem.js";
import { STUCK_COMMIT, STUCK_ROLLED_BACK } from "./reading.js";
import { REPEATED } from "./room_members.js";
import { archiveRow, groupRows, knownOf, knownRow, pendingRow, roomRow } from "./room_rows.js";
import { seatsOf, usersOf } from "./roster.js";
import { fetchBlob } from "./staging.js";

export const STATE_LOST = "state_lost";
const CURABLE = new Set([STATE_LOST, STUCK_ROLLED_BACK, STUCK_COMMIT]);

/** It begins after a share of this, for what spoilt one device's state may have spoilt others' at the same time. */
const WAIT_MS = 30_000;
/** Once an hour for a room; tried again soon after, with pauses that double. */
const PAUSE_MS = 3_600_000;
const LONGEST_PAUSE_MS = 32 * PAUSE_MS;
/** When another commit came first, or the server asks for a pause without saying how long. */
const AGAIN_MS = 2000;
/** The server keeps GroupInfos of an epoch from so many devices, in case one is of no use. Spec: 4.5 */
const GROUP_INFOS = 4;

export class Recovery {
  #room;
  #me;
  #ask;
  #random;
  #resume;
  #timer = null;
  #isAtWork = false;

  /** @param {import("./room.js").Room} room @param {object} surroundings `me`, `ask`, `random`, `resume(room)` */
  constructor(room, { me, ask, random, resume }) {
    this.#room = room;
    this.#me = me;
    this.#ask = ask;
    this.#random = random;
    this.#resume = resume;
  }

  /** Whether the room cannot go on but may find back. */
  get isNeeded() {
    return this.#room.isJoined && CURABLE.has(this.#room.stuck);
  }

  /** Begin when it is needed and its time has come. */
  wake() {
    if (!this.isNeeded || this.#timer !== null || this.#isAtWork || !this.#room.channel?.isOpen) return;
    const { pending, record } = this.#room;
    const left = record.rejoined ? record.rejoined.at + record.rejoined.pause - Date.now() : 0;
    // What was made already may be at the server, and only the very same may be sent.
    this.#startAfter(pending?.isExternal ? 0 : Math.max(left, this.#random() * WAIT_MS));
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** The room's reader takes the server's word that this is the group they know. */
  async trust() {
    const room = this.#room;
    await room.step(async () => {
      const { rows, apply } = room.recordStep({ unconfirmed: null });
      const known = knownOf(room.group);
      return { rows: [...rows, knownRow(room.id, known)], apply: () => ((room.known = known), apply()) };
    });
    room.wake();
  }

  // Internal

  #startAfter(milliseconds) {
    this.#timer = setTimeout(async () => {
      this.#timer = null;
      this.#isAtWork = true;
      await this.#rejoin().catch((cause) => this.#failed(cause)).catch(this.#room.failed);
      this.#isAtWork = false;
      this.wake();
    }, milliseconds);
  }

  async #rejoin() {
    const room = this.#room;
    if (!this.isNeeded) return;
    if (!room.pending?.isExternal) await this.#make();
    const { seq } = await room.pending.publish(this.#ask, room.roomId);
    await room.step(async () => this.#adopt(seq));
    await this.#resume(room);
  }

  async #make() {
    const room = this.#room;
    if (room.stuck === STUCK_COMMIT) await this.#complain(room.reader.objection);
    const messageId = newMessageId(Date.now());
    const made = await this.#commitOnFirstUsable(messageId);
    const pending = PendingCommit.external(made, messageId, this.#me.deviceId);
    await room.step(async () => ({ rows: [pendingRow(room.id, pending)], apply: () => (room.pending = pending) }));
  }

  /** For the server's audit log; that it is told changes nothing. */
  async #complain(reason) {
    const { roomId, record } = this.#room;
    await this.#ask("room.reject", { room: roomId, seq: record.cursor + 1, reason }).catch(() => {});
  }

  async #commitOnFirstUsable(messageId) {
    const { groups, roomId, known } = this.#room;
    let failure = null;
    for (let n = 0, places = 1; n < Math.min(places, GROUP_INFOS); n += 1) {
      const { digest, size, count } = await this.#ask("group_info", { room: roomId, n });
      places = count;
      try {
        const groupInfo = await fetchBlob(this.#ask, roomId, digest, size);
        return await groups.rejoin(roomId, groupInfo, { messageId, leastEpoch: known?.epoch ?? 0 });
      } catch (cause) {
        failure = cause;
      }
    }
    throw new Problem("no_way_back", {}, { cause: failure });
  }

  /** The commit stands in the log: its group is ours, and what was said meanwhile is not for this device. */
  #adopt(seq) {
    const room = this.#room;
    const { id, pending } = room;
    const group = pending.next;
    const isAlone = seatsOf(group).length === 1;
    const now = Date.now();
    const record = {
      ...room.record, cursor: seq, unconfirmed: isAlone ? null : { seq }, rejoined: this.#pauseFrom(now),
      epochSince: now, renewedAt: now, sent: 0,
    };
    const entries = this.#notices(seq, now, room.userIds, usersOf(seatsOf(group)));
    return {
      rows: [
        roomRow(id, record), ...groupRows(id, group), pendingRow(id, null),
        ...entries.map((entry) => archiveRow(id, entry)),
      ],
      apply: () => {
        room.adopt(group);
        room.stuck = null;
        room.reader.skipTo(seq);
        for (const entry of entries) room.transcript.append(entry);
        room.members.settled("adopted");
        room.replaceRecord(record);
        room.reader.readPassed();
      },
    };
  }

  #notices(seq, time, before, after) {
    const me = this.#me.userId;
    const place = { id: `${this.#room.id}-rejoined-${seq}`, seq, time };
    const rejoined = noticeEntry({ ...place, sender: me, own: true }, { kind: "rejoined", userIds: [me] });
    return [rejoined, ...changeEntries({ ...place, id: `${place.id}-joined` }, before, after)];
  }

  #pauseFrom(now) {
    const last = this.#room.record.rejoined;
    const isSoon = last !== null && now - last.at < 2 * last.pause;
    return { at: now, pause: isSoon ? Math.min(2 * last.pause, LONGEST_PAUSE_MS) : PAUSE_MS };
  }

  async #failed(cause) {
    const room = this.#room;
    if (REPEATED.has(cause.code)) return this.#startAfter(1000 * retrySeconds(cause.text ?? "") || AGAIN_MS);
    if (cause.code === "not_member") return room.end();
    if (!(cause instanceof PeerError || cause instanceof Problem)) throw cause;
    // Another commit came first, and on top of that one a new one can be made at once.
    const isStale = cause.code === "stale_epoch";
    const record = { ...room.record, rejoined: isStale ? room.record.rejoined : this.#pauseFrom(Date.now()) };
    await room.step(async () => ({
      rows: [pendingRow(room.id, null), roomRow(room.id, record)],
      apply: () => {
        room.pending = null;
        room.replaceRecord(record);
      },
    }));
    if (isStale) this.#startAfter(this.#random() * AGAIN_MS);
    return undefined;
  }
}
