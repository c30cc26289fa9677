// Signals of a device's rooms: what it tells the others in passing, and what they tell. Any of it may be lost.
//
// Spec: 4.12

import { sameBytes, toHex } from "../bytes.js";
import { SIGNALS } from "../mls/labels.js";
import { PresenceBody } from "../protocol/bodies.js";
import { SignalKey } from "../protocol/keys.js";
import { openSignal, Read, sealSignal, Typing } from "../protocol/signal.js";
import { seatsOf } from "./roster.js";
import { SignalBoard, WRITING_MS } from "./signal_board.js";

/** Writing is told again after so long; and the server passes on one signal a second. */
const [WRITE_AGAIN_MS, APART_MS] = [4000, 1000];

export class Signals {
  #rooms;
  #me;
  #changed;
  #now;
  #board = new SignalBoard();
  /** By room: when it was told that we write, and up to which row we have seen it. */
  #toldWriting = new Map();
  #seen = new Map();
  /** When anything was told last, and what waits to be told: by room and kind, how. */
  #toldAt = -Infinity;
  #waiting = new Map();
  #timers = new Set();

  /**
   * @param {object} parts `rooms`, `me`, `changed(roomId)` when another picture is to be shown, `now` in ms
   */
  constructor({ rooms, me, changed, now = () => Date.now() }) {
    this.#rooms = rooms;
    this.#me = me;
    this.#changed = changed;
    this.#now = now;
  }

  close() {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  // What it shows

  /** @param {string} roomId hex @returns {string[]} user ids (hex) of those who are writing */
  writers(roomId) {
    const room = this.#rooms.get(roomId);
    return room ? this.#board.writers(room, this.#now()) : [];
  }

  /** @returns {string[]} user ids (hex) of those who have read the row */
  readers(roomId, seq) {
    return this.#board.readers(roomId, seq);
  }

  // What is told

  /** Somebody types here: told at once, and again while it goes on. */
  typing(roomId) {
    const now = this.#now();
    if (now - (this.#toldWriting.get(roomId) ?? -Infinity) < WRITE_AGAIN_MS) return;
    this.#toldWriting.set(roomId, now);
    this.#inTurn(`typing ${roomId}`, () => this.#send(roomId, new Typing()));
  }

  /** The message was sent: whoever goes on typing begins anew. */
  typed(roomId) {
    this.#toldWriting.delete(roomId);
    this.#waiting.delete(`typing ${roomId}`);
  }

  /** The newest message of the others is on a screen that somebody looks at. */
  seen(roomId) {
    const seq = this.#newestOfOthers(roomId);
    if (seq <= (this.#seen.get(roomId) ?? 0)) return;
    this.#seen.set(roomId, seq);
    this.#inTurn(`read ${roomId}`, () => this.#tellRead(roomId));
  }

  // What is heard

  /** What does not open is dropped silently: it is of another epoch, or not for us. @param {PresenceBody} body */
  async heard({ roomId, signal: sealed }) {
    const room = this.#rooms.get(toHex(roomId));
    const seat = room?.group && seatsOf(room.group).find(({ deviceId }) => sameBytes(deviceId, sealed.sender));
    if (!seat || seat.userId === this.#me.userId || sealed.epoch !== room.group.epoch) return;
    const head = room.transcript.last?.seq ?? 0;
    const opening = keyOf(room.group).then((key) => openSignal(key, roomId, sealed));
    const signal = await opening.catch(() => null);
    if (signal instanceof Typing) {
      this.#board.wrote(room, seat.userId, head, this.#now());
      this.#later(WRITING_MS, () => this.#changed(room.id));
    } else if (signal instanceof Read) this.#board.hasRead(room.id, seat.userId, signal.seq);
    if (signal) this.#changed(room.id);
  }

  // Internal

  #newestOfOthers(roomId) {
    return this.#rooms.get(roomId)?.transcript.entries.findLast((entry) => !entry.own)?.seq ?? 0;
  }

  /** Before there is a session nobody is told; whoever looks later tries again. */
  async #tellRead(roomId) {
    if (!(await this.#send(roomId, new Read(this.#seen.get(roomId))))) this.#seen.delete(roomId);
  }

  /** What comes too soon waits, or the server would drop it: each kind of each room once, as it then is. */
  #inTurn(key, tell) {
    const wait = this.#toldAt + APART_MS - this.#now();
    if (wait <= 0) {
      this.#toldAt = this.#now();
      return void tell();
    }
    const isFirst = !this.#waiting.has(key);
    this.#waiting.set(key, tell);
    if (isFirst) this.#later(wait, () => this.#takeTurn(key));
  }

  #takeTurn(key) {
    const tell = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (tell) this.#inTurn(key, tell);
  }

  /** To those who are there now. @returns {Promise<boolean>} whether that could be done at this moment */
  async #send(roomId, signal) {
    const room = this.#rooms.get(roomId);
    const [channel, group] = [room?.readyChannel, room?.group];
    if (!channel || !room.isAble || seatsOf(group).length < 2) return false;
    try {
      const key = await keyOf(group);
      const sealed = await sealSignal(key, room.roomId, this.#me.deviceId, group.epoch, signal);
      channel.sendSignal(new PresenceBody(room.roomId, sealed).encode());
      return true;
    } catch {
      // The room's epoch has ended meanwhile, and its keys are gone.
      return false;
    }
  }

  #later(ms, work) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

async function keyOf(group) {
  return new SignalKey(await group.export(SIGNALS, new Uint8Array(), SignalKey.SIZE));
}
