// All rooms of this device, and the session that carries them.
//
// Spec: 3.14

import { fromHex, toHex } from "../bytes.js";
import { PeerError } from "../protocol/errors.js";
import { randomBytes } from "../protocol/primitives.js";
import { SCHEME } from "./groups.js";
import { noticeEntry } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { archiveRow, groupRows, knownOf, knownRow, loadRooms, newRecord, roomRow } from "./room_rows.js";
import { Transcript } from "./transcript.js";

/** The server takes this many rooms in one `room.resume`. Spec: 3.14 */
const RESUME_AT_ONCE = 256;

export class Rooms {
  #rooms = new Map();
  #surroundings;
  /** The session that carries the rooms. */
  #channel = null;

  /** @param {object} surroundings what `Room` takes: `store`, `groups`, `me`, `ask`, `random`, `changed`, `failed` */
  constructor(surroundings) {
    this.#surroundings = { ...surroundings, resume: (room) => this.#takeUpAgain(room) };
  }

  // Lifecycle

  async load() {
    const { store, groups } = this.#surroundings;
    for (const state of await loadRooms(store, groups)) this.#add(state);
  }

  /** A new room with this device as its only member; it is there at once, the server hears of it when it can. */
  async create(name) {
    const roomId = randomBytes(16);
    const id = toHex(roomId);
    const { store, groups, me } = this.#surroundings;
    const group = await groups.create(roomId, fromHex(me.userId));
    const [record, known] = [newRecord({ name, created: false }), knownOf(group)];
    const entry = createdEntry(id, me.userId, Date.now());
    await store.write([roomRow(id, record), ...groupRows(id, group), knownRow(id, known), archiveRow(id, entry)]);
    return this.#add({ id, record, group, known, entry });
  }

  /** A room that was joined by a Welcome and is stored already. */
  joined(state) {
    return this.#add(state);
  }

  close() {
    for (const room of this.all) room.close();
  }

  /** @param {number} now ms */
  lookAfter(now) {
    for (const room of this.all) room.upkeep.look(now).catch(room.failed);
  }

  // What there is

  get all() {
    return [...this.#rooms.values()];
  }

  /** @returns {Room | null} */
  get(id) {
    return this.#rooms.get(id) ?? null;
  }

  // The session

  /**
   * Let this session carry every room from where each was read. Until all are taken up the one before goes on, so a
   * session that fails on the way has changed nothing. Raises: ChannelClosed, PeerError.
   */
  async attach(channel) {
    await this.#createAll(channel);
    const rooms = this.#carried;
    const taken = [];
    for (let start = 0; start < rooms.length; start += RESUME_AT_ONCE) {
      taken.push(...(await this.#resume(rooms.slice(start, start + RESUME_AT_ONCE), channel)));
    }
    this.#channel = channel;
    for (const take of taken) await take();
  }

  /** The same for rooms that came while a session was taking over, or since. */
  async attachNewcomers() {
    const channel = this.#channel;
    if (!channel?.isOpen) return;
    await this.#createAll(channel);
    for (const room of this.#carried) if (room.channel !== channel) await this.#takeUp([room], channel);
  }

  // From the session

  delivered(channel, row) {
    const room = this.get(toHex(row.roomId));
    if (!room || room.reader.receive(row)) return;
    // A gap on one session is a fault of the server's; the log itself has no gaps, so it is asked once more.
    this.#takeUp([room], channel).catch(() => {});
  }

  acknowledged(channel, { roomId, messageId, seq }) {
    this.get(toHex(roomId))?.sender.acknowledged(toHex(messageId), seq);
    for (const room of this.all) if (room.outbox.isWaitingFor(channel)) room.sender.wake();
  }

  refused(channel, messageId, cause) {
    const id = toHex(messageId);
    this.all.find((room) => room.outbox.find(id))?.sender.refused(channel, id, cause);
  }

  // Internal

  #add({ id, record, group, known, pending = null, transcript = null, outbox = null, entry = null }) {
    const before = this.get(id);
    before?.close();
    const state = { id, record, group, known, pending };
    state.transcript = transcript ?? before?.transcript ?? new Transcript();
    state.outbox = outbox ?? before?.outbox ?? new Outbox(id);
    if (entry) state.transcript.append(entry);
    const room = new Room(state, this.#surroundings);
    this.#rooms.set(id, room);
    room.changed();
    return room;
  }

  /** Rooms whose log the server has. */
  get #carried() {
    return this.all.filter((room) => room.isJoined && room.record.created);
  }

  async #createAll(channel) {
    for (const room of this.all) if (!room.record.created) await this.#createOnServer(room, channel);
  }

  /** A room the server will not have is no reason to leave the others. */
  async #createOnServer(room, channel) {
    try {
      await channel.request("room.create", { room: room.roomId, scheme: SCHEME });
    } catch (cause) {
      if (!(cause instanceof PeerError)) throw cause;
      return room.getStuck(cause.code);
    }
    return room.update({ created: true });
  }

  /** After a room has found its place anew. */
  async #takeUpAgain(room) {
    const channel = this.#channel;
    // Without a session the next one takes it up with all others.
    if (channel?.isOpen) await this.#takeUp([room], channel).catch(() => {});
  }

  async #takeUp(rooms, channel) {
    for (const take of await this.#resume(rooms, channel)) {
      // Meanwhile another session may have taken over; this one has nothing to say any more.
      if (channel === this.#channel) await take();
    }
  }

  /** Ask for what follows the rows received. @returns {Promise<(() => Promise<void>)[]>} what the answer means */
  async #resume(rooms, channel) {
    if (rooms.length === 0) return [];
    const cursors = rooms.map((room) => ({ room: room.roomId, cursor: room.reader.received }));
    const answer = await channel.request("room.resume", { rooms: cursors });
    const asked = new Map(cursors.map(({ room, cursor }) => [toHex(room), cursor]));
    return [
      ...answer.rooms.map((place) => () => this.#attachRoom(toHex(place.room), channel, place, asked)),
      ...answer.gone.map((roomId) => async () => this.get(toHex(roomId))?.end()),
    ];
  }

  async #attachRoom(id, channel, place, asked) {
    await this.get(id)?.attach(channel, place, asked.get(id));
  }
}

function createdEntry(roomId, userId, time) {
  const place = { id: `${roomId}-created`, seq: 0, time, sender: userId, own: true };
  return noticeEntry(place, { kind: "created", userIds: [userId] });
}
