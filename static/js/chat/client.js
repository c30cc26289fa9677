// An enrolled device at work: its rooms, the people it knows, its line to the server.

import { utf8 } from "../bytes.js";
import { randomShare } from "../discovery/random_share.js";
import { devicesToAdd } from "./adding.js";
import { Chores } from "./chores.js";
import { Directory } from "./directory.js";
import { Files } from "./files/files.js";
import { Groups } from "./groups.js";
import { KeyStock } from "./key_stock.js";
import { Link } from "./link.js";
import { namesNow } from "./names.js";
import { ROOM_NAME_MAX_BYTES, TEXT_MAX_BYTES } from "./payload.js";
import { Problem } from "./problem.js";
import { Rooms } from "./rooms.js";
import { Signals } from "./signals.js";
import { connectionView, roomView } from "./views.js";
import { Welcomes } from "./welcomes.js";

const LOOK_EVERY_MS = 15_000;

export class Client {
  #account;
  #people;
  #userId;
  #finder;
  #link;
  #rooms;
  #directory;
  #names;
  #chores;
  #changed;
  #failed;
  #looking;
  #environment;

  constructor({ account, finder, store, environment, changed, failed }) {
    this.#account = account;
    this.#finder = finder;
    this.#changed = changed;
    this.#failed = failed;
    finder.whenRevoked = () => failed(new Problem("revoked"));
    const ask = (op, members) => this.#link.ask(op, members);
    const { me } = account;
    const groups = new Groups(account.person.identity, store.deviceKey);
    this.#userId = me.userId;
    this.#link = new Link({
      account, finder, environment, rooms: () => this.#rooms,
      noticed: (occasion) => this.#chores.add(occasion),
      signalled: (body) => this.signals.heard(body),
      changed: () => this.#connectionChanged(),
    });
    this.#environment = environment;
    const { random = randomShare } = environment;
    this.#rooms = new Rooms({ store, groups, me, ask, random, failed, changed: (room) => this.#roomChanged(room) });
    this.files = new Files({ store, line: this.#link, rooms: this.#rooms, changed: (id) => changed("messages", id) });
    this.signals = new Signals({ rooms: this.#rooms, me, changed: (id) => changed("signals", id) });
    this.#directory = new Directory(store);
    this.#people = { ask, groups, directory: this.#directory };
    const stock = new KeyStock(store, groups, ask);
    this.#chores = new Chores({
      ask, failed, stock,
      peopleChanged: () => this.#peopleChanged(),
      directory: this.#directory, rooms: this.#rooms,
      welcomes: new Welcomes({ store, groups, stock, ask, me }),
    });
  }

  // Lifecycle

  /** @param {object} parts `account`, `finder`, `store`, `environment`, `changed(what, roomId)`, `failed(cause)` */
  static async open(parts) {
    const client = new Client(parts);
    await client.#rooms.load();
    await client.files.posts.load();
    await client.#directory.load();
    client.#readNames();
    return client;
  }

  start() {
    this.#link.start();
    this.#looking = setInterval(() => this.#rooms.lookAfter(Date.now()), this.#environment.lookEveryMs ?? LOOK_EVERY_MS);
  }

  stop() {
    clearInterval(this.#looking);
    this.signals.close();
    this.files.close();
    this.#rooms.close();
    this.#link.stop();
  }

  retryNow() {
    this.#link.retryNow();
  }

  // What it shows

  get me() {
    return { userId: this.#userId, name: this.#account.name };
  }

  get people() {
    return this.#directory.people.map((person) => ({ ...person, me: person.userId === this.#userId }));
  }

  /** Newest activity first. */
  get rooms() {
    const views = this.#rooms.all.map((room) => roomView(room, room.views.last(this.#names, this.me)));
    return views.sort((one, other) => other.activity - one.activity);
  }

  messages(roomId) {
    return this.#rooms.get(roomId)?.views.list(this.#names, this.me, this.files.posts.of(roomId)) ?? [];
  }

  get connection() {
    return connectionView(this.#link.status, this.#finder, this.#account.identities.shown);
  }

  // Actions; each raises a Problem

  async createRoom(name) {
    if (utf8(name).length > ROOM_NAME_MAX_BYTES) throw new Problem("too_large");
    const room = await this.#rooms.create(name);
    // Without a session it is made when there is one again.
    await this.#rooms.attachNewcomers().catch(() => {});
    return room.id;
  }

  async addPeople(roomId, userIds) {
    const room = this.#requireRoom(roomId);
    room.requireAble();
    await room.members.add(await devicesToAdd(this.#people, userIds));
  }

  async removePeople(roomId, userIds) {
    await this.#requireRoom(roomId).members.remove(userIds);
  }

  async leaveRoom(roomId) {
    await this.#requireRoom(roomId).members.leave();
  }

  /** Go on in a room that this device found back into, before somebody known has spoken there. */
  async trustRoom(roomId) {
    await this.#requireRoom(roomId).recovery.trust();
  }

  async send(roomId, text, sources = []) {
    const room = this.#requireRoom(roomId);
    if (utf8(text).length > TEXT_MAX_BYTES) throw new Problem("too_large");
    return sources.length > 0 ? this.files.post(roomId, text, sources) : room.sender.send(text);
  }

  async markRead(roomId) {
    await this.#rooms.get(roomId)?.markRead();
  }

  createInvite(label) {
    return this.#link.ask("invite.create", label ? { label } : {});
  }

  async rename(name) {
    await this.#account.update({ name, named: false });
    this.#peopleChanged();
    await this.#link.ask("name.set", { name });
    await this.#account.update({ named: true });
  }

  // Internal

  #requireRoom(roomId) {
    const room = this.#rooms.get(roomId);
    if (!room?.isJoined || room.record.leaving) throw new Problem("not_member");
    return room;
  }

  #readNames() {
    this.#names = namesNow(this.me, this.#directory);
  }

  #peopleChanged() {
    this.#readNames();
    this.#changed("people");
    this.#changed("rooms");
    for (const room of this.#rooms.all) this.#changed("messages", room.id);
  }

  #roomChanged(room) {
    this.#changed("messages", room.id);
    this.#changed("rooms");
  }

  #connectionChanged() {
    this.#changed("connection");
    if (this.#link.status.problem === "revoked") this.#failed(new Problem("revoked"));
  }
}
