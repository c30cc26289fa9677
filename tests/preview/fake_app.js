/** Stands in for the app (static/js/chat/app.js) so that every screen can be looked at. The scene is named in the address. */

import { INES, JONAS, kitchenTable, longTalk, MARA, ME, message, PEOPLE, sampleId } from "./sample.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const KITCHEN = sampleId(0xc001);
const BAND = sampleId(0xb1a2);
const PAIR = sampleId(0xd3e4);
const SCENES = ["starting", "elsewhere", "empty", "invited", "expired", "enrolling", "revoked", "failed", "ready", "alone", "waiting",
  "moving", "connecting", "offline", "long", "quiet", "problem", "joining"];

export class App extends EventTarget {
  problem = null;
  invitation = null;
  me = { userId: ME.userId, name: ME.name };
  people = PEOPLE;
  rooms = [];
  state = "ready";
  calls = [];
  #messages = new Map();

  static async open({ location }) {
    const scene = new URLSearchParams(location.search).get("scene") ?? "ready";
    if (!SCENES.includes(scene)) throw new Error(`no such scene: ${scene}`);
    const app = new App();
    window.app = app;
    app.connection = {
      status: "connected", port: 49731, nextMove: Date.now() + 23 * MINUTE_MS, interval: HOUR_MS,
      mirror: "https://chat.example.org/connection.json", since: new Date().setHours(12, 58, 0, 0), serverName: "Canal House",
      fingerprint: "7f3a 91c0 5be2 44d8 a1f6 0c93 e27b 6d15", problem: null,
    };
    app.#fill();
    app[`_${scene}`]?.();
    if (["starting", "elsewhere", "empty", "invited", "enrolling", "revoked", "failed"].includes(scene)) app.state = scene;
    if (scene === "starting") await new Promise(() => {});
    return app;
  }

  messages(roomId) {
    return this.#messages.get(roomId) ?? [];
  }

  async enrol(name) {
    this.me = { ...this.me, name };
    this.state = "enrolling";
    this.#say("state");
    await pause(1500);
    this.state = "ready";
    this.#say("state");
  }

  async createRoom(name) {
    await pause(300);
    const id = sampleId(0xe000 + this.rooms.length);
    const made = message(id, 0, Date.now(), null, { kind: "created", userIds: [ME.userId] });
    this.#messages.set(id, [made]);
    this.rooms = [{ id, name, members: [ME.userId], last: made, unread: 0, joined: true }, ...this.rooms];
    this.#say("rooms");
    return id;
  }

  async addPeople(roomId, userIds) {
    await pause(300);
    this.#change(roomId, (room) => ({ members: [...room.members, ...userIds] }));
    this.add(message(roomId, this.messages(roomId).length, Date.now(), null, { kind: "joined", userIds }));
  }

  async send(roomId, text) {
    const index = this.messages(roomId).length;
    const sent = message(roomId, index, Date.now(), ME, text);
    this.add({ ...sent, status: "waiting", seq: null });
    if (this.connection.status !== "connected") return sent.id;
    await pause(250);
    this.#messages.set(roomId, this.messages(roomId).map((one) => (one.id === sent.id ? sent : one)));
    this.#say("messages", roomId);
    return sent.id;
  }

  async createInvite(label) {
    this.calls.push(["createInvite", label]);
    await pause(200);
    const invite = `clawchat:${"AXd4r0kQm2".repeat(18)}`;
    return { url: `${window.location.origin}/#${invite}`, invite, expires: Math.floor(Date.now() / 1000) + 86_400 };
  }

  async rename(name) {
    this.me = { ...this.me, name };
    this.#say("people");
  }

  async markRead(roomId) {
    this.#change(roomId, () => ({ unread: 0 }));
  }

  async retryNow() {
    this.calls.push(["retryNow"]);
    this.connect({ status: "connecting", problem: null });
  }

  async close() {}

  // For the looker

  /** Puts a message into the log, as if it had just come. */
  add(one) {
    this.#messages.set(one.roomId, [...this.messages(one.roomId), one]);
    this.#change(one.roomId, (room) => ({ last: one, unread: room.unread + (one.own || one.status === "notice" ? 0 : 1) }));
    this.#say("messages", one.roomId);
  }

  /** As if Jonas said it now. */
  hear(text, roomId = KITCHEN) {
    this.add(message(roomId, this.messages(roomId).length, Date.now(), JONAS, text));
  }

  connect(change) {
    this.connection = { ...this.connection, ...change };
    this.#say("connection");
  }

  // Scenes

  #fill() {
    const now = Date.now();
    this.#messages.set(KITCHEN, kitchenTable(KITCHEN, now));
    this.#messages.set(BAND, [
      message(BAND, 0, now - 26 * HOUR_MS, INES, "New strings are on. It sounds like a different instrument"),
      message(BAND, 1, now - 25 * HOUR_MS, JONAS, "Thursday at eight then?"),
    ]);
    this.#messages.set(PAIR, [message(PAIR, 0, now - 72 * HOUR_MS, MARA, "Thank you for the soup. And for the spoon.")]);
    this.rooms = [
      this.#room(KITCHEN, "Kitchen table", [ME, MARA, JONAS], 0),
      this.#room(BAND, "Third floor band", [ME, JONAS, INES], 2),
      this.#room(PAIR, "Mara", [ME, MARA], 0),
    ];
  }

  #room(id, name, people, unread) {
    return { id, name, members: people.map((person) => person.userId), last: this.messages(id).at(-1) ?? null, unread, joined: true };
  }

  _invited() {
    this.invitation = { serverName: "Canal House", expires: Math.floor(Date.now() / 1000) + 20 * 3600, expired: false };
    this.rooms = [];
  }

  _enrolling() {
    this._invited();
  }

  _expired() {
    this.state = "invited";
    this.invitation = { serverName: "Canal House", expires: 1, expired: true };
  }

  _failed() {
    this.problem = { code: "invitation_used" };
  }

  _alone() {
    this.rooms = [];
    this.people = [ME];
  }

  _quiet() {
    this.rooms = [{ ...this.rooms[0], last: null, members: [ME.userId] }];
    this.#messages.set(KITCHEN, []);
  }

  _joining() {
    this._quiet();
    this.rooms = [{ ...this.rooms[0], joined: false }];
  }

  _waiting() {
    const log = this.messages(KITCHEN);
    const next = log.length;
    const unreadable = { ...message(KITCHEN, next, Date.now(), JONAS, ""), status: "unreadable" };
    const mine = ["Got my ticket.", "Shall I get yours too?\nThey are cheaper today."].map((text, index) => ({
      ...message(KITCHEN, next + 1 + index, Date.now(), ME, text), status: "waiting", seq: null,
    }));
    this.#messages.set(KITCHEN, [...log, unreadable, ...mine]);
  }

  _moving() {
    this.connection.status = "moving";
  }

  _connecting() {
    this._waiting();
    this.connection = { ...this.connection, status: "connecting", since: null };
  }

  _offline() {
    this._waiting();
    this.connection = { ...this.connection, status: "offline", since: null, port: null, problem: { code: "unavailable" } };
  }

  _problem() {
    this.problem = { code: "not_yet_valid" };
  }

  _long() {
    this.#messages.set(KITCHEN, longTalk(KITCHEN, 1000, Date.now()));
    this.rooms[0] = this.#room(KITCHEN, "Kitchen table", PEOPLE, 0);
  }

  // Internal

  #change(roomId, change) {
    this.rooms = this.rooms.map((room) => (room.id === roomId ? { ...room, ...change(room) } : room));
    this.#say("rooms");
  }

  #say(what, roomId) {
    this.dispatchEvent(new CustomEvent("change", { detail: { what, roomId } }));
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
