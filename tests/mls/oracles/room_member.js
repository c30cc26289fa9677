// A device in one room, as a page has it: our library, the room's suite and rules, and a disk that survives a restart.
// Byte strings go in and out as hex.

import { fromHex, toHex } from "../../../static/js/bytes.js";
import { Reader } from "../../../static/js/mls/codec.js";
import { Group } from "../../../static/js/mls/group.js";
import { KeyPackage, makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { Member } from "../../../static/js/mls/member.js";
import { memberData, Roles, roomExtensions } from "../../../static/js/mls/profile.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { RoomRules } from "../../../static/js/mls/validity.js";
import { DeviceKind, signIdentity, userId } from "../../../static/js/protocol/credential.js";
import { DevicePublic, RootKey } from "../../../static/js/protocol/keys.js";

const random = (count) => crypto.getRandomValues(new Uint8Array(count));
const rules = new RoomRules();

export class RoomMember {
  async begin({ room, now }) {
    this.room = fromHex(room);
    const keys = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
    const root = RootKey.generate();
    const identity = signIdentity(root, new DevicePublic(publicKey), DeviceKind.HUMAN, now - 60, now + 86_400);
    const sign = async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", keys.privateKey, message));
    this.member = new Member(ROOM_SUITE, identity.encode(), publicKey, sign);
    return { user: toHex(userId(root.public)), key: toHex(publicKey) };
  }

  async create({ administrators, now }) {
    const extensions = roomExtensions(new Roles(true, administrators.map(fromHex)));
    return this.#keep(await Group.create(this.member, this.room, { extensions, random, now, rules }));
  }

  async key_package({ now }) {
    this.secrets = await makeKeyPackage(this.member, now, random);
    return { key_package: toHex(this.secrets.package.encode()) };
  }

  async join({ welcome, group_info }) {
    return this.#keep(await Group.join(this.member, this.secrets, fromHex(welcome), fromHex(group_info), { rules }));
  }

  async resync({ group_info, leaf, message_id, now }) {
    const authenticatedData = memberData(this.room, fromHex(message_id));
    const options = { authenticatedData, remove: leaf, random, now, rules };
    return this.#made(await Group.joinExternally(this.member, fromHex(group_info), options));
  }

  async commit({ add, remove, message_id, now }) {
    const packages = add.map((each) => KeyPackage.read(new Reader(fromHex(each))));
    const authenticatedData = memberData(this.room, fromHex(message_id));
    const made = await this.group.commit({ add: packages, remove, authenticatedData, random, now });
    await this.#keep(made.group);
    return this.#made(made);
  }

  async taken() {
    const next = Group.load(this.member, this.pending, { rules });
    this.pending = null;
    return this.#keep(this.group ? this.group.adopt(next) : next);
  }

  async dropped() {
    this.pending = null;
    return {};
  }

  async seal({ payload, message_id }) {
    const data = memberData(this.room, fromHex(message_id));
    const [group, message] = await this.group.seal(fromHex(payload), data, { random });
    await this.#keep(group);
    return { message: toHex(message), epoch: group.epoch };
  }

  async open({ message }) {
    try {
      const { kind, group, payload } = await this.group.open(fromHex(message));
      await this.#keep(group);
      return { kind, payload: payload && toHex(payload) };
    } catch (error) {
      if (!error.code) throw error;
      return { kind: error.code, payload: null };
    }
  }

  /** The page is closed and opened again: only what is on the disk is left. */
  async restart() {
    this.group = Group.load(this.member, this.disk, { rules });
    return {};
  }

  /** The disk is gone, all but the device's key. */
  async forget() {
    this.group = null;
    this.disk = null;
    return {};
  }

  async where() {
    const { epoch, leafIndex } = this.group;
    const exported = await this.group.export("mixed members", new Uint8Array(), 32);
    return { epoch, leaf: leafIndex, exported: toHex(exported) };
  }

  async #keep(group) {
    const changed = this.group ? group.rowsSince(this.group) : group.rows();
    this.disk = { ...this.disk, ...changed };
    this.group = group;
    group.eraseSpent();
    return {};
  }

  #made({ next, commit, welcome, groupInfo }) {
    this.pending = next.rows();
    return { commit: toHex(commit), welcome: welcome && toHex(welcome), group_info: toHex(groupInfo) };
  }
}

const members = new Map();

/** Answers one request of a test. */
export async function ask({ member, op, ...parts }) {
  if (!members.has(member)) members.set(member, new RoomMember());
  return members.get(member)[op](parts);
}
