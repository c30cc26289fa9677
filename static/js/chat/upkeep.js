// What a room needs from time to time: the keys of an epoch that is over are erased, and fresh ones brought in.
//
// Spec: 4.4

import { groupRows } from "./room_rows.js";
import { seatsOf } from "./roster.js";

/** The keys of an epoch that is over serve messages that were under way; the server takes such for 30 s. */
const PAST_KEPT_MS = 60_000;

/** Fresh keys come after so long, after so many own messages, and after so long a time away. */
const RENEW_AFTER_MS = 7 * 86_400_000;
const RENEW_AFTER_MESSAGES = 1000;
const AWAY_MS = 86_400_000;

/** Then after a share of this, so that not all devices of a room do it at once. */
const RENEW_WAIT_MS = 60_000;

/** How exactly it is kept when the device was online last. */
const ONLINE_STEP_MS = 3_600_000;

export class Upkeep {
  #room;
  #random;
  #renewal = null;

  /** @param {import("./room.js").Room} room @param {{random: () => number}} surroundings */
  constructor(room, { random }) {
    this.#room = room;
    this.#random = random;
  }

  /** A session carries the room. @param {number} now ms */
  async attached(now) {
    const wasAway = now - this.#room.record.onlineAt >= AWAY_MS;
    if (wasAway) await this.#room.update({ onlineAt: now, renewedAt: 0 });
  }

  /** To be called every few seconds. @param {number} now ms */
  async look(now) {
    const room = this.#room;
    if (!room.readyChannel) return;
    await this.#erasePast(now);
    if (now - room.record.onlineAt >= ONLINE_STEP_MS) await room.update({ onlineAt: now });
    if (this.#isDue(now)) this.#renewal ??= setTimeout(() => this.#renew(), this.#random() * RENEW_WAIT_MS);
  }

  stop() {
    clearTimeout(this.#renewal);
  }

  #isDue(now) {
    const { record, group, isAble } = this.#room;
    if (!isAble || seatsOf(group).length < 2) return false;
    return now - record.renewedAt >= RENEW_AFTER_MS || record.sent >= RENEW_AFTER_MESSAGES;
  }

  async #renew() {
    try {
      await this.#room.members.renew(() => this.#isDue(Date.now()));
    } catch (cause) {
      this.#room.failed(cause);
    } finally {
      this.#renewal = null;
    }
  }

  /**
   * Whoever was away reads on first: what was sent in that epoch's last moments may stand behind the commit in the log.
   */
  async #erasePast(now) {
    const room = this.#room;
    if (!room.group?.hasPast || now - room.record.epochSince < PAST_KEPT_MS) return;
    await room.step(async () => {
      if (!room.group?.hasPast) return { rows: [] };
      const group = room.group.withoutPast();
      return { rows: groupRows(room.id, group, room.group), apply: () => room.adopt(group) };
    });
  }
}
