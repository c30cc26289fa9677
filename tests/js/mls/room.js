// A room of real members for tests: every commit reaches everybody, and they stay one group.

import assert from "node:assert/strict";

import { sameBytes, toHex, utf8 } from "../../../static/js/bytes.js";
import { Group } from "../../../static/js/mls/group.js";
import { makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { Member } from "../../../static/js/mls/member.js";
import { memberData, resyncData, Roles, roomExtensions } from "../../../static/js/mls/profile.js";
import { ROOM_SUITE } from "../../../static/js/mls/suite.js";
import { RoomRules } from "../../../static/js/mls/validity.js";
import { DeviceKind, signIdentity, userId } from "../../../static/js/protocol/credential.js";
import { DevicePublic, RootKey } from "../../../static/js/protocol/keys.js";
import { ed25519Public, ed25519Sign, sha256 } from "../../../static/js/protocol/primitives.js";
import { dice, NOW } from "./members.js";

export const ROOM_ID = sha256(utf8("room")).slice(0, 16);
export const RULES = new RoomRules();

/** A device of a person of that name. */
export class Device {
  constructor(person) {
    const [root, seed] = [new RootKey(sha256(utf8(`root/${person}`))), sha256(utf8(`device/${person}`))];
    this.person = person;
    this.root = root;
    this.user = userId(root.public);
    this.signatureKey = ed25519Public(seed);
    this.sign = async (message) => ed25519Sign(seed, message);
  }

  identity(notAfter = NOW + 31_536_000) {
    const certified = new DevicePublic(this.signatureKey);
    return signIdentity(this.root, certified, DeviceKind.HUMAN, NOW - 3600, notAfter).encode();
  }

  member() {
    return new Member(ROOM_SUITE, this.identity(), this.signatureKey, this.sign);
  }
}

export const [ANNA, BERT, CARL, DORA] = ["anna", "bert", "carl", "dora"].map((person) => new Device(person));

/** So many devices of as many people. */
export function devices(count) {
  return Array.from({ length: count }, (_, number) => new Device(`person-${number}`));
}

/** The groups of its devices, by device, and every message that was sent. */
export class Room {
  groups = new Map();
  sent = [];
  pending = null;
  random = dice("room");

  static async of(creator, ...others) {
    const room = new Room();
    const extensions = roomExtensions(new Roles(true, [creator.user]));
    const options = { extensions, random: room.random, now: NOW, rules: RULES };
    room.groups.set(creator, await Group.create(creator.member(), ROOM_ID, options));
    if (others.length) await room.add(creator, ...others);
    return room;
  }

  at(device) {
    return this.groups.get(device);
  }

  /** Authenticated data of a member's message, with an id of its own. */
  data() {
    return memberData(ROOM_ID, this.random(16));
  }

  keyPackage(device) {
    return makeKeyPackage(device.member(), NOW, this.random);
  }

  /** A commit that nobody has yet. */
  make(committer, changes = {}) {
    const common = { authenticatedData: this.data(), random: this.random, now: NOW };
    return this.at(committer).commit({ ...common, ...changes });
  }

  /** A commit that everybody has; those it removes are gone. */
  async commit(committer, changes = {}) {
    this.pending = await this.make(committer, changes);
    const opened = await this.deliver(this.pending.commit, committer);
    this.groups.set(committer, this.pending.group.adopt(this.pending.next));
    this.check();
    return opened;
  }

  /** One commit and one Welcome for all of these. */
  async add(committer, ...newcomers) {
    const secrets = await Promise.all(newcomers.map((device) => this.keyPackage(device)));
    await this.commit(committer, { add: secrets.map((each) => each.package) });
    const { welcome, groupInfo } = this.pending;
    for (const [place, device] of newcomers.entries()) {
      const group = await Group.join(device.member(), secrets[place], welcome, groupInfo, { rules: RULES });
      this.groups.set(device, group);
    }
    this.check();
  }

  /** One commit that removes all of these. */
  remove(committer, ...gone) {
    return this.commit(committer, { remove: gone.map((device) => this.at(device).leafIndex) });
  }

  /** The device lost its state and takes its own place by an external commit. */
  async resync(device) {
    const [, helper] = [...this.groups].find(([other]) => other !== device);
    const own = helper.members.find(({ leaf }) => sameBytes(leaf.signatureKey, device.signatureKey)).index;
    const authenticatedData = resyncData(ROOM_ID, this.random(16));
    const options = { authenticatedData, remove: own, random: this.random, now: NOW, rules: RULES };
    this.pending = await Group.joinExternally(device.member(), await helper.groupInfo(), options);
    this.groups.delete(device);
    const opened = await this.deliver(this.pending.commit, device);
    this.groups.set(device, this.pending.next);
    this.check();
    return opened;
  }

  /** Everybody else opens a message and goes on. */
  async deliver(message, sender) {
    this.sent.push(message);
    const opened = new Map();
    for (const [device, group] of this.groups) {
      if (device === sender) continue;
      const each = await group.open(message);
      opened.set(device, each);
      if (each.kind === "removed") this.groups.delete(device);
      else this.groups.set(device, each.group);
    }
    return opened;
  }

  /** A message that nobody has yet. */
  async seal(sender, text) {
    const [group, message] = await this.at(sender).seal(utf8(text), this.data(), { random: this.random });
    this.groups.set(sender, group);
    return message;
  }

  /** A message that everybody opens. */
  async say(sender, text) {
    return this.deliver(await this.seal(sender, text), sender);
  }

  /** The device asks the others to be removed. */
  async leave(device) {
    const [group, message] = await this.at(device).proposeRemovalOfSelf(this.data(), { random: this.random });
    this.groups.set(device, group);
    return this.deliver(message, device);
  }

  /** Everybody is in the same group and epoch. */
  check() {
    const groups = [...this.groups.values()];
    assert.equal(new Set(groups.map((group) => toHex(group.epochAuthenticator))).size, 1);
    assert.equal(new Set(groups.map((group) => toHex(group.tree.encode()))).size, 1);
  }
}
