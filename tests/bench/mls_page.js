// What a room costs in the browser, with so many devices; for mls.py. Nothing here needs a page, so Node runs it, too.

import { Group } from "/static/js/mls/group.js";
import { makeKeyPackage } from "/static/js/mls/key_package.js";
import { Member } from "/static/js/mls/member.js";
import { Roles, roomExtensions } from "/static/js/mls/profile.js";
import { ROOM_SUITE } from "/static/js/mls/suite.js";
import { RoomRules } from "/static/js/mls/validity.js";
import { DeviceKind, signIdentity, userId } from "/static/js/protocol/credential.js";
import { DevicePublic, RootKey } from "/static/js/protocol/keys.js";
import { memberData } from "/static/js/protocol/authenticated_data.js";
import { randomBytes as random } from "/static/js/protocol/primitives.js";

const NOW = 1_790_000_000;
const ROOM = new Uint8Array(16).fill(7);
const rules = new RoomRules();

/**
 * Milliseconds of each try, and bytes. One device made the room and added all others at once: the tree is as bare as it
 * can be, so paths are as long as they get.
 * @param {{devices: number, messages: number, commits: number}} what
 */
export async function measure({ devices, messages, commits }) {
  const root = RootKey.generate();
  const [ada, ben, ...others] = await Promise.all(Array.from({ length: devices }, () => device(root)));
  const extensions = roomExtensions(new Roles(true, [userId(root.public)]));
  const alone = await Group.create(ada, ROOM, { extensions, random, now: NOW, rules });
  const packages = await Promise.all([ben, ...others].map((each) => makeKeyPackage(each, NOW, random)));
  const adding = await alone.commit({ add: packages.map((each) => each.package), ...common() });
  const figures = { "Welcome, bytes": adding.welcome.length };
  figures["commit that adds all others, bytes"] = adding.commit.length;
  const took = new Clock();
  const hers = alone.adopt(adding.next);
  const his = await took.note("join", () => Group.join(ben, packages[0], adding.welcome, adding.groupInfo, { rules }));
  for (let each = 1; each < commits; each += 1) {
    await took.note("join", () => Group.join(ben, packages[0], adding.welcome, adding.groupInfo, { rules }));
  }
  const moved = await commit(took, figures, hers, his, commits);
  await talk(took, figures, ...moved, messages);
  await enter(took, figures, ben, ...moved, commits);
  return { milliseconds: took.tries, bytes: figures };
}

async function commit(took, figures, hers, his, tries) {
  let [committer, receiver] = [hers, his];
  for (let each = 0; each < tries; each += 1) {
    const pending = await took.note("commit", () => committer.commit(common()));
    receiver = (await took.note("process", () => receiver.open(pending.commit))).group;
    committer = pending.group.adopt(pending.next);
    figures["path update, bytes"] = pending.commit.length;
    figures["GroupInfo, bytes"] = pending.groupInfo.length;
  }
  return [committer, receiver];
}

async function talk(took, figures, hers, his, tries) {
  for (const size of [200, 4096]) {
    let [sender, receiver] = [hers, his];
    let message;
    for (let each = 0; each < tries; each += 1) {
      const began = performance.now();
      const data = memberData(ROOM, random(16));
      [sender, message] = await took.note(`encrypt ${size}`, () => sender.seal(random(size), data, { random }));
      receiver = (await took.note(`decrypt ${size}`, () => receiver.open(message))).group;
      took.add(`encrypt and decrypt ${size}`, performance.now() - began);
      sender.eraseSpent();
      receiver.eraseSpent();
    }
    figures[`message of ${size}, bytes`] = message.length;
    for (const [row, content] of Object.entries(receiver.rows())) {
      figures[`stored, ${row}, bytes`] = content?.length ?? 0;
    }
  }
}

/** Ben lost his state and takes the place of his old leaf. */
async function enter(took, figures, ben, hers, his, tries) {
  const groupInfo = await took.note("GroupInfo", () => hers.groupInfo());
  for (let each = 0; each < tries; each += 1) {
    const options = { remove: his.leafIndex, ...common(), rules };
    const pending = await took.note("external join", () => Group.joinExternally(ben, groupInfo, options));
    await took.note("process an external join", () => hers.open(pending.commit));
    figures["external join, bytes"] = pending.commit.length;
  }
}

function common() {
  return { authenticatedData: memberData(ROOM, random(16)), random, now: NOW };
}

/** A device whose key stays in Web Crypto, as the app's does. */
async function device(root) {
  const { publicKey, privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const signatureKey = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  const identity = signIdentity(root, new DevicePublic(signatureKey), DeviceKind.HUMAN, 0, 2 ** 40).encode();
  const sign = async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
  return new Member(ROOM_SUITE, identity, signatureKey, sign);
}

class Clock {
  /** @type {Record<string, number[]>} */
  tries = {};

  async note(name, work) {
    const began = performance.now();
    const result = await work();
    this.add(name, performance.now() - began);
    return result;
  }

  add(name, milliseconds) {
    (this.tries[name] ??= []).push(milliseconds);
  }
}
