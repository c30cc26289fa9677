// The server's memory in a test: people, key packages, rooms and their logs, by the rules of docs/protocol.md 3.14.
// It outlives the sessions, so a test can kill the server between a commit and its acknowledgement.

import { sameBytes, toHex } from "../../../static/js/bytes.js";
import { LeafIdentity, deviceId } from "../../../static/js/protocol/credential.js";
import { Malformed, NotMember, OutOfOrder, StaleEpoch, TooFast } from "../../../static/js/protocol/errors.js";
import { DevicePublic } from "../../../static/js/protocol/keys.js";
import { ContentType, MessageHeader } from "../../../static/js/protocol/message_header.js";
import { checkRequest } from "../../../static/js/protocol/operations.js";
import { sha256 } from "../../../static/js/protocol/primitives.js";
import { FakeFiles } from "./files.js";

export class DeliveryService {
  members = new Map();
  rooms = new Map();
  packages = new Map();
  blobs = new Map();
  files = new FakeFiles();
  welcomes = [];
  invites = 0;
  /** What devices said they cannot follow: {device, room, seq, reason}. */
  rejected = [];
  /** Called with (deviceId hex, op) to give notice; set by the server. */
  notify = () => {};
  /** Called after rows were stored; set by the server. */
  stored = () => {};
  /** How long the epoch before is still taken, in ms; a test sets 0 to make every straggler stale. */
  graceMs = 30_000;

  /** Answer one request of a device. Raises: PeerError. */
  answer(device, body) {
    const op = checkRequest(body);
    if (op !== "account.set" && !this.#memberOf(device)) throw new NotMember("no account");
    return OPERATIONS[op].call(this, device, body);
  }

  /** Store one application message. @returns {{seq: number, isNew: boolean}} */
  append(device, roomId, message, messageId) {
    const header = MessageHeader.parse(message);
    if (!sameBytes(header.messageId, messageId)) throw new Malformed("message id");
    if (header.contentType === ContentType.COMMIT) throw new Malformed("a commit");
    const room = this.#roomOf(device, roomId);
    const before = this.#placeOf(room, device, messageId);
    if (before) return before.seq;
    const isPrevious = header.epoch === room.epoch - 1 && Date.now() - room.epochSince < this.graceMs;
    if (header.epoch !== room.epoch && !isPrevious) throw new StaleEpoch(`epoch ${header.epoch}`);
    return this.#store(room, device, messageId, message);
  }

  rowsAfter(roomId, cursor) {
    return this.rooms.get(toHex(roomId)).log.slice(cursor);
  }

  mayRead(device, roomId) {
    return this.rooms.get(toHex(roomId))?.members.has(toHex(device)) ?? false;
  }

  log(roomId) {
    return this.rooms.get(roomId).log;
  }

  #memberOf(device) {
    return [...this.members.values()].find((member) => member.devices.has(toHex(device)));
  }

  #roomOf(device, roomId) {
    const room = this.rooms.get(toHex(roomId));
    if (!room?.members.has(toHex(device))) throw new NotMember("not in the room");
    return room;
  }

  #placeOf(room, device, messageId) {
    return room.log.find((row) => sameBytes(row.sender, device) && sameBytes(row.messageId, messageId));
  }

  #store(room, sender, messageId, message) {
    const seq = room.log.length + 1;
    room.log.push({ seq, sender, messageId, message, time: Date.now() });
    this.stored(room);
    return seq;
  }

  #blob(digest) {
    const blob = this.blobs.get(toHex(digest));
    if (!blob || blob.have !== blob.size) {
      throw Object.assign(new OutOfOrder("blob is not staged"), { details: { have: blob?.have ?? 0 } });
    }
    return blob.bytes;
  }

  // Operations

  static accountSet(device, { identity }) {
    const leaf = LeafIdentity.parse(identity);
    leaf.verify(this.devicePublics.get(toHex(device)));
    const user = toHex(leaf.userId);
    const newcomer = { userId: leaf.userId, root: leaf.rootPublic.bytes, name: "", devices: new Map() };
    const member = this.members.get(user) ?? newcomer;
    const publicKey = this.devicePublics.get(toHex(device)).bytes;
    member.devices.set(toHex(device), { deviceId: device, identity, publicKey });
    this.members.set(user, member);
    this.#tellAll();
    return { user_id: leaf.userId };
  }

  static nameSet(device, { name }) {
    this.#memberOf(device).name = name;
    this.#tellAll();
    return {};
  }

  static directory() {
    const members = [...this.members.values()].map((member) => ({
      user_id: member.userId,
      root_public: member.root,
      name: member.name,
      devices: [...member.devices.values()].map((each) => ({
        device_id: each.deviceId,
        device_public: each.publicKey,
        identity: each.identity,
      })),
    }));
    return { members, more: false };
  }

  static packagesPut(device, { packages, last_resort: lastResort }) {
    const stock = this.packages.get(toHex(device)) ?? { once: [], lastResort: null };
    stock.once.push(...packages);
    stock.lastResort = lastResort ?? stock.lastResort;
    this.packages.set(toHex(device), stock);
    return { left: stock.once.length };
  }

  static packagesTake(_device, { devices }) {
    const taken = devices.map((device) => {
      const stock = this.packages.get(toHex(device));
      return { device, package: stock?.once.shift() ?? stock?.lastResort ?? null };
    });
    return {
      packages: taken.filter((each) => each.package),
      missing: taken.filter((each) => !each.package).map((each) => each.device),
    };
  }

  static roomCreate(device, { room }) {
    const id = toHex(room);
    const known = this.rooms.get(id);
    if (known && known.maker !== toHex(device)) throw new Malformed("taken");
    this.rooms.set(id, known ?? {
      id: room, maker: toHex(device), epoch: 0, epochSince: 0, members: new Set([toHex(device)]), log: [], groupInfos: [],
    });
    return { epoch: this.rooms.get(id).epoch };
  }

  static roomStage(_device, { digest, size, offset, bytes }) {
    const id = toHex(digest);
    const blob = this.blobs.get(id) ?? { size, have: 0, bytes: new Uint8Array(size) };
    if (offset > blob.have) throw Object.assign(new OutOfOrder("gap"), { details: { have: blob.have } });
    blob.bytes.set(bytes, offset);
    blob.have = Math.max(blob.have, offset + bytes.length);
    if (blob.have === size && !sameBytes(sha256(blob.bytes), digest)) throw new Malformed("digest");
    this.blobs.set(id, blob);
    return { have: blob.have };
  }

  static roomCommit(device, body) {
    const room = this.#roomOf(device, body.room);
    const before = this.#placeOf(room, device, body.message_id);
    if (before) return { seq: before.seq, epoch: before.epochAfter };
    if (body.epoch !== room.epoch) {
      throw Object.assign(new StaleEpoch("epoch"), { details: { epoch: room.epoch, head: room.log.length } });
    }
    const [commit, info] = [this.#blob(body.commit), this.#blob(body.group_info)];
    if (MessageHeader.parse(commit).epoch !== room.epoch) throw new Malformed("epoch of the commit");
    room.epoch += 1;
    room.epochSince = Date.now();
    for (const removed of body.removed) room.members.delete(toHex(removed));
    for (const added of body.added) room.members.add(toHex(added));
    room.groupInfos = [{ digest: body.group_info, size: info.length }];
    const seq = this.#store(room, device, body.message_id, commit);
    room.log.at(-1).epochAfter = room.epoch;
    const welcome = body.welcome ? this.#blob(body.welcome) : null;
    if (welcome) for (const added of body.added) this.#welcome(added, room, seq, body, welcome, info);
    return { seq, epoch: room.epoch };
  }

  static groupInfo(device, { room: roomId, n = 0 }) {
    const room = this.#roomOf(device, roomId);
    const info = room.groupInfos[n];
    if (!info) throw new Malformed("no such GroupInfo");
    return { seq: room.log.length, epoch: room.epoch, count: room.groupInfos.length, ...info };
  }

  static roomReject(device, { room, seq, reason }) {
    this.rejected.push({ device: toHex(device), room: toHex(room), seq, reason });
    return {};
  }

  static roomResume(device, { rooms }) {
    const mine = rooms.filter(({ room }) => this.mayRead(device, room));
    return {
      rooms: mine.map(({ room, cursor }) => {
        const { log, epoch } = this.rooms.get(toHex(room));
        return { room, head: log.length, epoch, cursor: Math.min(cursor, log.length) };
      }),
      gone: rooms.filter(({ room }) => !this.mayRead(device, room)).map(({ room }) => room),
    };
  }

  static welcomeTake(device, { done = [] }) {
    this.welcomes = this.welcomes.filter((each) => !done.includes(each.id));
    const mine = this.welcomes.filter((each) => sameBytes(each.device, device));
    return { welcomes: mine.map(({ device: _device, ...welcome }) => welcome) };
  }

  static roomFetch(_device, { digest, offset }) {
    const bytes = this.#blob(digest);
    return { size: bytes.length, bytes: bytes.slice(offset, offset + 1000) };
  }

  static fileCreate(device, body) {
    this.#roomOf(device, body.room);
    return this.files.create(device, body);
  }

  static fileRead(device, body) {
    this.#roomOf(device, body.room);
    return this.files.read(body);
  }

  static fileDrop(device, body) {
    return this.files.drop(device, body);
  }

  static inviteCreate() {
    throw new TooFast("not in this test");
  }

  #welcome(device, room, seq, body, welcome, info) {
    this.invites += 1;
    this.welcomes.push({
      id: this.invites, device, room: room.id, seq, epoch: room.epoch,
      digest: body.welcome, size: welcome.length, group_info: body.group_info, group_info_size: info.length,
    });
    this.notify(toHex(device), "welcome");
  }

  #tellAll() {
    for (const member of this.members.values()) for (const id of member.devices.keys()) this.notify(id, "directory");
  }

  /** Device id (hex) -> its key, known from handshakes. */
  devicePublics = new Map();

  enrolled(publicKey) {
    const key = DevicePublic.fromBytes(publicKey);
    this.devicePublics.set(toHex(deviceId(key)), key);
    return deviceId(key);
  }
}

const OPERATIONS = {
  "account.set": DeliveryService.accountSet,
  "name.set": DeliveryService.nameSet,
  directory: DeliveryService.directory,
  // A fake person has the one device that asks.
  "device.list": (device) => ({ devices: [{ device_id: device }] }),
  "invite.create": DeliveryService.inviteCreate,
  "packages.put": DeliveryService.packagesPut,
  "packages.take": DeliveryService.packagesTake,
  "room.create": DeliveryService.roomCreate,
  "room.stage": DeliveryService.roomStage,
  "room.commit": DeliveryService.roomCommit,
  group_info: DeliveryService.groupInfo,
  "room.reject": DeliveryService.roomReject,
  "room.resume": DeliveryService.roomResume,
  "welcome.take": DeliveryService.welcomeTake,
  "room.fetch": DeliveryService.roomFetch,
  "file.create": DeliveryService.fileCreate,
  "file.read": DeliveryService.fileRead,
  "file.drop": DeliveryService.fileDrop,
};
