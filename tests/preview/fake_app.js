/** Stands in for static/js/chat/app.js, so that every screen can be looked at: `?scene=` names one of scenes.js. */

import { diagnose } from "./diagnosis.js";
import { JONAS, ME, message, PEOPLE, sampleId } from "./sample.js";
import { SampleFiles } from "./sample_files.js";
import { SampleSignals } from "./sample_signals.js";
import { furnish, KITCHEN, SCENES, WAY } from "./scenes.js";

const MINUTE_MS = 60_000;
const DAY_SECONDS = 86_400;

export class App extends EventTarget {
  state = "ready";
  problem = null;
  invitation = null;
  offer = null;
  me = { userId: ME.userId, name: ME.name };
  people = PEOPLE;
  rooms = [];
  connection = {
    status: "connected",
    port: 49731,
    nextMove: Date.now() + 23 * MINUTE_MS,
    interval: 60 * MINUTE_MS,
    mirror: "https://chat.example.org/connection.json",
    doubts: [],
    since: new Date().setHours(0, 58, 0, 0),
    serverName: "Canal House",
    fingerprint: "7f3a 91c0 5be2 44d8 a1f6 0c93 e27b 6d15",
    problem: null,
    clockAhead: 0,
  };
  way = WAY;
  files = new SampleFiles();
  /** Ends when the server has answered. */
  answer = () => pause(250);
  signals = new SampleSignals();
  #messages = new Map();

  static async open({ location }) {
    const app = new App();
    // For whoever looks: `app.hear("...")` in the console.
    window.app = app;
    furnish(app);
    SCENES[new URLSearchParams(location.search).get("scene") ?? "ready"](app);
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

  async startOver() {
    await pause(600);
    Object.assign(this, { offer: null, state: "invited", problem: null, rooms: [] });
    this.invitation = { serverName: "Canal House", expires: Math.floor(Date.now() / 1000) + DAY_SECONDS, expired: false };
    this.#say("state");
  }

  async dropSpare() {
    Object.assign(this, { offer: null, problem: null });
    this.#say("state");
  }

  async createRoom(name) {
    await pause(300);
    const id = sampleId(0xe000 + this.rooms.length);
    this.rooms = [{ id, name, members: [ME.userId], last: null, unread: 0, joined: true }, ...this.rooms];
    this.add(message(id, 0, Date.now(), null, { kind: "created", userIds: [ME.userId] }));
    return id;
  }

  async addPeople(roomId, userIds) {
    await pause(300);
    this.#change(roomId, (room) => ({ members: [...room.members, ...userIds] }));
    this.add(message(roomId, this.messages(roomId).length, Date.now(), null, { kind: "joined", userIds }));
  }

  async removePeople(roomId, userIds) {
    await pause(300);
    this.#change(roomId, (room) => ({ members: room.members.filter((userId) => !userIds.includes(userId)) }));
    this.add(message(roomId, this.messages(roomId).length, Date.now(), null, { kind: "left", userIds }));
  }

  async leaveRoom(roomId) {
    await pause(300);
    this.#change(roomId, () => ({ joined: false, problem: { code: "not_member" } }));
  }

  async trustRoom(roomId) {
    this.#change(roomId, () => ({ waitsFor: null }));
  }

  async send(roomId, text, sources = []) {
    const said = message(roomId, this.messages(roomId).length, Date.now(), ME, text);
    const files = sources.map(({ name, size, type }, index) => ({ id: `${said.id}${index}`, name, size, mime: type }));
    const sent = { ...said, files };
    this.add({ ...sent, status: "waiting", seq: null });
    if (this.connection.status === "offline") return sent.id;
    await this.answer();
    this.put(roomId, this.messages(roomId).map((one) => (one.id === sent.id ? sent : one)));
    this.#say("messages", roomId);
    return sent.id;
  }

  async createInvite() {
    await pause(200);
    const invite = `clawchat:${"AXd4r0kQm2".repeat(18)}`;
    const expires = Math.floor(Date.now() / 1000) + DAY_SECONDS;
    return { url: `${window.location.origin}/#${invite}`, invite, expires };
  }

  async rename(name) {
    this.me = { ...this.me, name };
    this.#say("people");
  }

  async markRead(roomId) {
    this.#change(roomId, () => ({ unread: 0 }));
  }

  async retryNow() {
    this.connect({ status: "connecting", problem: null });
  }

  /** As slow as a real walk. @param {(found: object) => void} tell */
  async checkConnection(tell) {
    for (let met = 1; met <= this.way.length; met += 1) {
      await pause(60);
      tell(diagnose(this.way.slice(0, met)));
    }
    return diagnose(this.way);
  }

  /** A file of this sample is never one to believe. */
  async useFile(file) {
    await pause(200);
    throw Object.assign(new Error("sample"), { code: file.length > 100 ? "replayed" : "malformed" });
  }

  async close() {}

  // For whoever looks

  put(roomId, messages) {
    this.#messages.set(roomId, messages);
  }

  /** Adds a message, as if it had just come. */
  add(one) {
    this.put(one.roomId, [...this.messages(one.roomId), one]);
    const counts = !one.own && one.status !== "notice";
    this.#change(one.roomId, (room) => ({ last: one, unread: room.unread + (counts ? 1 : 0) }));
    this.#say("messages", one.roomId);
  }

  /** As if Jonas said it now. */
  hear(text, roomId = KITCHEN) {
    this.add(message(roomId, this.messages(roomId).length, Date.now(), JONAS, text));
  }

  /** As if these were writing now. @param {string[]} userIds */
  write(userIds, roomId = KITCHEN) {
    this.signals.put(roomId, userIds);
    this.#say("signals", roomId);
  }

  connect(change) {
    this.connection = { ...this.connection, ...change };
    this.#say("connection");
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
