// A server in memory with the real handshake and real frames: ports that come and go, sessions that can be cut at any
// moment, a connection file on a mirror.

import { fromHex, toHex } from "../../../static/js/bytes.js";
import { DialFailed } from "../../../static/js/net/failures.js";
import {
  Ack, ChatDelivery, ChatSend, CloseNotify, ErrorBody, Failure, FileChunk, parseExchange, PresenceBody, Request,
  Response,
} from "../../../static/js/protocol/bodies.js";
import { sealConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { ConnectionInfo, Endpoint } from "../../../static/js/protocol/connection_info.js";
import { PeerError } from "../../../static/js/protocol/errors.js";
import { serverId } from "../../../static/js/protocol/fingerprint.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { findGate, Gate, ServerHandshake } from "../../../static/js/protocol/handshake.js";
import { Invite } from "../../../static/js/protocol/invite.js";
import { deviceCredentials, gateKey, keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { encodeBase64url } from "../../../static/js/protocol/encoding.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { ServerRekey } from "../../../static/js/protocol/rekey.js";
import { signSuccession } from "../../../static/js/protocol/succession.js";
import { joinWraps, makePadding, makeWrap, WRAPS_STEP } from "../../../static/js/protocol/wraps.js";
import { DeliveryService } from "./delivery_service.js";

export const MIRROR = "https://mirror.example/connection.json";

export class FakeServer {
  service = new DeliveryService();
  identity = IdentityKey.generate();
  /** Who follows it, while it hands over, and the statement of that. */
  successor = null;
  succession = null;
  /** The public keys by which devices came, in the order of their sessions. */
  cameBy = [];
  /** How many it did not know. */
  turnedAway = 0;
  /** Which chunks came, in their order, and how many at most were under way on one session. */
  chunksCame = [];
  mostUnderWay = 0;
  /** How long it takes to store one. */
  chunkMs = 1;
  /** How it closes for whom it does not know: the real one hangs up, another may say 1008. */
  strangerClose = 1006;
  discoverySecret = DiscoverySecret.generate();
  /** PSK id (hex) -> {psk, device (hex or null), isInvite}. */
  psks = new Map();
  ports = new Map();
  sessions = new Set();
  /** What came as 0x03, in its order. */
  signals = [];
  serial = Math.floor(Date.now() / 1000);
  clockAheadMs = 0;
  isRunning = true;
  /** What the apps get for dice, at the time they throw them. */
  share = 0;
  /** Whether invitations bring the discovery secret themselves, as they used to. */
  invitesBringSecret = false;
  /** PSK ids (hex) that the published file has no wrap for. */
  unwrapped = new Set();
  /** Close every session under a device's own key, as a server does that forgot it. */
  refuseOwnKeys = false;
  /** Give so many enrolled devices another key than they have, as an enrolment does that comes late. */
  losePairs = 0;
  /** Told of every message before it is stored; what it throws is the answer. */
  beforeStore = () => {};
  /** Told of every message after it is stored and before anybody hears of it. */
  afterStore = () => {};
  /** Told of every chunk before it is stored; what it throws is the answer. */
  beforeChunk = () => {};
  /** What chunks go out in place of these. */
  givingChunks = (chunks) => chunks;
  /** Pairs that were not used yet: PSK id (hex) of the one in use -> of the one that follows. */
  following = new Map();
  /** Where the next renewal of a pair is cut: before it is stored ("store"), answered, or its first AUTH_OK ("finish"). */
  cutRenewal = "";
  /** Settled when a renewal may be answered; what comes meanwhile is read. */
  renewalWaits = null;
  /** Told of every request before it is answered. */
  beforeAnswer = () => {};
  /** Further TLVs of AUTH_OK. @type {[number, Uint8Array][]} */
  toldAtOnce = [];
  /** What devices could not do with a notice. */
  failures = [];

  constructor() {
    this.service.notify = (device, op) => this.#sessionsOf(device).forEach((session) => session.notice(op));
    this.service.stored = (room) => this.sessions.forEach((session) => session.pour(room.id));
    this.openPort();
  }

  // For the test

  /** What an App takes as its environment. */
  get environment() {
    return {
      history: undefined,
      locks: undefined,
      fetchBytes: async (url) => this.fetch(url),
      openWire: (url, handlers) => this.accept(url, handlers),
      random: () => this.share,
      persist: async () => false,
      onOnline: () => {},
    };
  }

  makeInvite({ lifetimeSeconds = 3600, locators = [MIRROR] } = {}) {
    const [inviteId, invitePsk] = [randomBytes(16), PreSharedKey.generate()];
    this.psks.set(toHex(inviteId), { psk: invitePsk, device: null, isInvite: true });
    const { discoverySecret, identity } = this;
    const expires = Math.floor(Date.now() / 1000) + lifetimeSeconds;
    const secret = this.invitesBringSecret ? discoverySecret : null;
    this.serial += 1;
    const invite = { discoverySecret: secret, serverPublic: identity.public, inviteId, invitePsk, expires, locators };
    return new Invite(invite).encode();
  }

  openPort() {
    const port = 50_000 + this.ports.size;
    const now = Math.floor(Date.now() / 1000);
    const path = `/${encodeBase64url(randomBytes(16))}`;
    const validUntil = now + 60 + this.ports.size;
    const endpoint = new Endpoint({ host: "127.0.0.1", port, path, tls: false, validFrom: now, validUntil });
    this.ports.set(endpoint.url, endpoint);
    this.serial += 1;
    return endpoint;
  }

  /** Open another port and tell everybody, as the real one does before it moves. */
  async announceNewPort() {
    this.openPort();
    const file = await this.file();
    for (const session of this.sessions) session.frame(MessageType.PORT_ROTATION, file);
  }

  /** Draw a new discovery secret and shut a device out of it; the others hear of it in session when they may. */
  async renewSecret({ without = null, tell = true } = {}) {
    for (const [id, { device }] of this.psks) if (without && device?.equals(without)) this.psks.delete(id);
    for (const session of [...this.sessions]) if (without?.equals(session.devicePublic)) session.leave(10);
    this.discoverySecret = DiscoverySecret.generate();
    this.serial += 1;
    const kid = keyId(this.discoverySecret);
    if (tell) for (const session of this.sessions) session.notice("secret", { kid, secret: this.discoverySecret.bytes });
  }

  /** Another identity follows from now on; those in session hear of it when they may. */
  handOver({ seconds = 3600, tell = true } = {}) {
    const now = Math.floor((Date.now() + this.clockAheadMs) / 1000);
    this.successor = IdentityKey.generate();
    this.succession = signSuccession(this.identity, this.successor, now, now + seconds).encode();
    this.serial += 1;
    if (tell) for (const session of this.sessions) session.notice("successor", { statement: this.succession });
  }

  /** The one that follows is the server from now on. */
  endHandover() {
    [this.identity, this.successor, this.succession] = [this.successor, null, null];
    this.serial += 1;
  }

  /** Ask every session for new keys. */
  requestRekey() {
    for (const session of this.sessions) session.requestRekey();
  }

  /** Close the oldest port with all its sessions. */
  closeOldestPort() {
    const [url] = this.ports.keys();
    this.ports.delete(url);
    for (const session of this.sessions) if (session.url === url) session.cut(1006);
  }

  /** Everything in memory is gone at once; what was stored stays. */
  kill() {
    this.isRunning = false;
    for (const session of this.sessions) session.cut(1006);
  }

  restart() {
    this.isRunning = true;
  }

  async file() {
    const now = Math.floor(Date.now() / 1000);
    const ports = [...this.ports.values()];
    const endpoints = ports.map((each, index) => new Endpoint({ ...each, retiring: index < ports.length - 1 }));
    const info = new ConnectionInfo({
      serial: this.serial, serverId: serverId(this.identity.public), serverName: "Fake", timestamp: now,
      serverPublic: this.identity.public, validFrom: now - 10, validUntil: now + 3600, nextRotation: now + 60,
      graceSeconds: 4, endpoints, urls: [MIRROR],
    });
    this.lastFile ??= {};
    const wraps = await this.#wraps();
    const { discoverySecret, identity, successor } = this;
    this.lastFile[this.serial] ??= await sealConnectionFile(info, discoverySecret, identity, now, { wraps, successor });
    return this.lastFile[this.serial];
  }

  async fetch(url) {
    if (url !== MIRROR) throw Object.assign(new Error("no such mirror"), { code: "unavailable" });
    return this.file();
  }

  // The wire

  async accept(url, handlers) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!this.isRunning || !this.ports.has(url)) throw new DialFailed("unavailable");
    const session = new FakeSession(this, url, handlers);
    this.sessions.add(session);
    return { send: (data) => session.receive(data), close: () => session.cut(1000) };
  }

  async #wraps() {
    const told = [...this.psks].filter(([id]) => !this.unwrapped.has(id)).map(([, { psk }]) => psk);
    const entries = await Promise.all(told.map((psk) => makeWrap(psk, this.discoverySecret)));
    while (entries.length % WRAPS_STEP) entries.push(makePadding());
    return joinWraps(entries);
  }

  /** Give a signal to the other sessions that are in the room; a test may change or keep it. */
  passOn(from, body) {
    this.signals.push(body);
    const others = [...this.sessions].filter((session) => session !== from && session.follows(body.roomId));
    for (const session of others) session.frame(MessageType.PRESENCE, body.encode());
  }

  #sessionsOf(device) {
    return [...this.sessions].filter((session) => session.isOpen && toHex(session.device) === device);
  }
}

class FakeSession {
  device = new Uint8Array();
  devicePublic = null;
  isOpen = false;
  #server;
  #handlers;
  #identity = null;
  #handshake = null;
  #auth = null;
  #session = null;
  #rekey = null;
  #isInvite = false;
  #pskId = "";
  #inbound = Promise.resolve();
  #isCut = false;
  #cursors = new Map();
  #lastNotice = 0;
  underWay = 0;
  mostUnderWay = 0;
  #storing = Promise.resolve();

  constructor(server, url, handlers) {
    this.#server = server;
    this.url = url;
    this.#handlers = handlers;
  }

  receive(data) {
    this.#inbound = this.#inbound.then(() => (this.#isCut ? undefined : this.#next(data))).catch(() => this.cut(1008));
  }

  cut(code) {
    if (this.#isCut) return;
    this.#isCut = true;
    this.isOpen = false;
    this.#server.sessions.delete(this);
    queueMicrotask(() => this.#handlers.onEnd(code));
  }

  /** Say why, inside the session, and close. */
  leave(number) {
    if (!this.isOpen) return;
    this.isOpen = false;
    const farewell = new CloseNotify(number, "").encode();
    const sealing = this.#session.seal(MessageType.CLOSE_NOTIFY, farewell, randomBytes(16), Date.now());
    sealing.then((frame) => !this.#isCut && this.#handlers.onMessage(frame)).then(() => this.cut(4400 + number));
  }

  frame(type, payload) {
    if (!this.isOpen) return;
    const sealing = this.#session.seal(type, payload, randomBytes(16), Date.now());
    sealing.then((frame) => !this.#isCut && this.#handlers.onMessage(frame));
  }

  requestRekey() {
    const request = this.#rekey?.request();
    if (request) this.frame(MessageType.KEY_ROTATION, request);
  }

  notice(op, members = {}) {
    this.#lastNotice += 1;
    this.frame(MessageType.REQUEST, new Request(this.#lastNotice, { op, ...members }).encode());
  }

  /** Whether this session gets the rows and signals of a room. */
  follows(roomId) {
    return this.isOpen && this.#cursors.has(toHex(roomId));
  }

  /** Send the rows of a room that this session has not got. */
  pour(roomId) {
    const id = toHex(roomId);
    if (!this.isOpen || !this.#cursors.has(id)) return;
    for (const row of this.#server.service.rowsAfter(roomId, this.#cursors.get(id))) {
      this.#cursors.set(id, row.seq);
      this.frame(MessageType.CHAT, new ChatDelivery(roomId, row.seq, row.time, row.sender, row.message).encode());
    }
  }

  async #next(data) {
    if (this.#session) return this.#handle(await this.#session.open(data));
    if (!this.#handshake) return this.#hello(data);
    return this.#authenticate(data);
  }

  async #hello(record) {
    const { discoverySecret, identity, successor, strangerClose } = this.#server;
    const identities = successor ? [successor, identity] : [identity];
    const key = gateKey(discoverySecret);
    const gate = findGate(record, identities.map((each) => new Gate(key, each)));
    if (!gate) {
      this.#server.turnedAway += 1;
      return this.cut(strangerClose);
    }
    this.#identity = gate.identity;
    this.#handshake = new ServerHandshake(gate, serverId(this.#server.identity.public));
    return this.#handlers.onMessage(await this.#handshake.receiveHello(record, Date.now() + this.#server.clockAheadMs));
  }

  async #authenticate(record) {
    const auth = await this.#handshake.receiveClientAuth(record);
    const known = this.#server.psks.get(toHex(auth.pskId)) ?? { psk: PreSharedKey.generate(), device: null };
    const bound = known.device === null ? null : known.device;
    this.#handshake.verify(known.psk, bound);
    this.#enrol(known, auth.devicePublic, toHex(auth.pskId));
    this.#server.cameBy.push(this.#identity.public);
    const { identity, succession } = this.#server;
    const successor = succession && this.#identity === identity ? [[17, succession]] : [];
    const told = new Map([...this.#server.toldAtOnce, ...successor]);
    const [frame, session] = await this.#handshake.finish(told, randomBytes(16), Date.now());
    this.#session = session;
    this.#takePartInRekeys(session, auth.devicePublic);
    this.isOpen = true;
    this.#handlers.onMessage(frame);
  }

  #takePartInRekeys(session, devicePublic) {
    const seconds = () => performance.now() / 1000;
    this.#rekey = new ServerRekey(session, devicePublic, (message) => this.#identity.sign(message), seconds());
    session.handRekeyTo((payload) => {
      const answer = this.#rekey.receive(payload, seconds());
      if (answer) this.frame(MessageType.KEY_ROTATION, answer);
    });
  }

  #activate() {
    const { following, psks } = this.#server;
    const isNew = [...following.values()].includes(this.#pskId);
    for (const [former, next] of following) {
      if (next !== this.#pskId) continue;
      psks.delete(former);
      following.delete(former);
    }
    psks.delete(following.get(this.#pskId));
    following.delete(this.#pskId);
    if (!isNew || this.#server.cutRenewal !== "finish") return;
    this.#server.cutRenewal = "";
    this.cut(1006);
    throw new Error("cut");
  }

  /** Keep a pair that is to follow. @returns {boolean} false when the connection was cut instead */
  #renew() {
    const { cutRenewal, psks, following } = this.#server;
    const isCut = ["store", "answer"].includes(cutRenewal);
    if (isCut) this.#server.cutRenewal = "";
    if (cutRenewal !== "store") {
      const [id, psk] = deviceCredentials(this.#session.exporter, this.devicePublic);
      psks.delete(following.get(this.#pskId));
      psks.set(toHex(id), { psk, device: this.devicePublic, isInvite: false });
      following.set(this.#pskId, toHex(id));
    }
    if (isCut) this.cut(1006);
    return !isCut;
  }

  #enrol(known, devicePublic, id) {
    this.#isInvite = known.isInvite ?? false;
    if (!known.isInvite && this.#server.refuseOwnKeys) throw new Error("refused");
    known.device = devicePublic;
    this.#pskId = id;
    this.#activate();
    this.devicePublic = devicePublic;
    this.device = this.#server.service.enrolled(devicePublic.bytes);
    if (!this.#isInvite) return this.#spend(devicePublic);
    if (this.#server.losePairs-- > 0) return undefined;
    const [ownId, psk] = deviceCredentials(this.#handshake.exporter, devicePublic);
    return this.#server.psks.set(toHex(ownId), { psk, device: devicePublic, isInvite: false });
  }

  /** The device came back under its own key, so its invitation is worth nothing any more. */
  #spend(devicePublic) {
    for (const [id, { device, isInvite }] of this.#server.psks) {
      if (!isInvite || !device?.equals(devicePublic)) continue;
      this.#server.psks.delete(id);
      this.#server.serial += 1;
    }
  }

  #handle({ type, payload, messageId }) {
    if (this.#isInvite && type !== MessageType.CLOSE_NOTIFY) return this.cut(4403);
    if (type === MessageType.CHAT) return this.#store(ChatSend.parse(payload), messageId);
    if (type === MessageType.FILE) return this.#storeChunk(FileChunk.parse(payload), messageId);
    if (type === MessageType.REQUEST) return this.#exchange(parseExchange(payload));
    if (type === MessageType.PRESENCE) return this.#server.passOn(this, PresenceBody.parse(payload));
    return undefined;
  }

  /** After a moment, as a disk takes it: so more than one is under way. */
  async #storeChunk(chunk, messageId) {
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    this.#server.chunksCame.push(chunk.index);
    this.#storing = this.#storing.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, this.#server.chunkMs));
      if (!this.isOpen) return;
      this.underWay -= 1;
      try {
        this.#server.beforeChunk(this, chunk);
        const { room, stored } = this.#server.service.files.put(this.device, chunk);
        this.frame(MessageType.ACK, new Ack(messageId, fromHex(room), stored).encode());
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        this.frame(MessageType.ERROR, new ErrorBody(error.number, error.text, messageId).encode());
      }
    });
    this.#server.mostUnderWay = Math.max(this.#server.mostUnderWay, this.mostUnderWay);
  }

  #store({ roomId, message }, messageId) {
    const { service } = this.#server;
    try {
      this.#server.beforeStore(this, messageId);
      const seq = service.append(this.device, roomId, message, messageId);
      this.#server.afterStore(this, messageId);
      this.frame(MessageType.ACK, new Ack(messageId, roomId, seq).encode());
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.frame(MessageType.ERROR, new ErrorBody(error.number, error.text, messageId).encode());
    }
  }

  #exchange(exchange) {
    if (exchange instanceof Failure) this.#server.failures.push(exchange);
    if (!(exchange instanceof Request)) return;
    try {
      this.#server.beforeAnswer(this, exchange.body.op);
      if (exchange.body.op === "psk_renew") {
        const answer = new Response(exchange.id, {}).encode();
        if (!this.#renew()) return;
        if (!this.#server.renewalWaits) return void this.frame(MessageType.REQUEST, answer);
        return void this.#server.renewalWaits.then(() => this.frame(MessageType.REQUEST, answer));
      }
      const answer = this.#server.service.answer(this.device, exchange.body);
      for (const chunk of this.#server.givingChunks(answer.chunks ?? [])) this.frame(MessageType.FILE, chunk.encode());
      const { chunks: _chunks, ...said } = answer;
      this.frame(MessageType.REQUEST, new Response(exchange.id, said).encode());
      if (exchange.body.op === "room.resume") answer.rooms.forEach((place) => this.#resume(place));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      const failure = { code: error.number, text: error.text, ...error.details };
      this.frame(MessageType.REQUEST, new Failure(exchange.id, failure).encode());
    }
  }

  #resume({ room, cursor }) {
    this.#cursors.set(toHex(room), cursor);
    this.pour(room);
  }
}
