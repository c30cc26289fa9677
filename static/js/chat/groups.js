// This device's MLS groups: the library with our rules, the roles of a new room, the clock and the dice.
//
// Spec: 4.4, 4.6

import { sameBytes, toHex } from "../bytes.js";
import { Reader } from "../mls/codec.js";
import { MLSMessage, WireFormat } from "../mls/framing.js";
import { Group } from "../mls/group.js";
import { parseGroupInfo, parseWelcome, treeIn } from "../mls/joining.js";
import { KeyPackage, KeyPackageSecrets, makeKeyPackage } from "../mls/key_package.js";
import { Member } from "../mls/member.js";
import { roomExtensions, Roles } from "../mls/profile.js";
import { RatchetTree } from "../mls/ratchet_tree.js";
import { ROOM_SUITE } from "../mls/suite.js";
import { RoomRules } from "../mls/validity.js";
import { LeafIdentity } from "../protocol/credential.js";
import { Malformed, Unauthentic } from "../protocol/errors.js";
import { memberData } from "../protocol/authenticated_data.js";
import { randomBytes } from "../protocol/primitives.js";

/** Number of the scheme of our rooms: their suite. A room of another one is only read. */
export const SCHEME = ROOM_SUITE.number;

const seconds = () => Math.floor(Date.now() / 1000);

export class Groups {
  #member;
  #rules = new RoomRules();

  /** @param {Uint8Array} identity 146 bytes @param {{publicKey: Uint8Array, sign: Function}} deviceKey Ed25519 */
  constructor(identity, { publicKey, sign }) {
    this.#member = new Member(ROOM_SUITE, identity, publicKey, sign);
  }

  /** This device's Ed25519 key, 32 bytes. */
  get signatureKey() {
    return this.#member.signatureKey;
  }

  /** A group with this device alone: its person is the administrator, every member may add. */
  create(roomId, userId) {
    const extensions = roomExtensions(new Roles(true, [userId]));
    const parts = { extensions, random: randomBytes, now: seconds(), rules: this.#rules };
    return Group.create(this.#member, roomId, parts);
  }

  /** The group that `rows` wrote. */
  load(rows) {
    return Group.load(this.#member, rows, { rules: this.#rules });
  }

  /** The group of this room that a Welcome opens. @param {Uint8Array} privateBytes of the key package it names */
  async join(roomId, { welcome, groupInfo, privateBytes }) {
    const secrets = KeyPackageSecrets.parse(privateBytes);
    const group = await Group.join(this.#member, secrets, welcome, groupInfo, { rules: this.#rules });
    if (!sameBytes(group.groupId, roomId)) throw new Unauthentic("a Welcome to another room");
    return group;
  }

  /** @returns {Promise<[group: object, message: Uint8Array]>} */
  seal(group, payload, authenticatedData) {
    return group.seal(payload, authenticatedData, { random: randomBytes });
  }

  /** The wish to leave: somebody's commit follows it. @returns {Promise<[group: object, message: Uint8Array]>} */
  leave(group, authenticatedData) {
    return group.proposeRemovalOfSelf(authenticatedData, { random: randomBytes });
  }

  /** @param {{add?: object[], remove?: number[], authenticatedData: Uint8Array}} changes @returns {Promise<object>} */
  commit(group, changes) {
    return group.commit({ add: [], remove: [], ...changes, random: randomBytes, now: seconds() });
  }

  /**
   * Take the place of this device's lost leaf by an external commit.
   * @param {number} leastEpoch a GroupInfo of an epoch before it is refused
   * @returns {Promise<{next: object, commit: Uint8Array, groupInfo: Uint8Array}>}
   */
  async rejoin(roomId, groupInfo, { messageId, leastEpoch }) {
    const { groupId, epoch } = parseGroupInfo(groupInfo).groupContext;
    if (!sameBytes(groupId, roomId)) throw new Unauthentic("a GroupInfo of another room");
    if (epoch < leastEpoch) throw new Unauthentic(`a GroupInfo of epoch ${epoch}, we were in ${leastEpoch}`);
    const leaves = RatchetTree.parse(ROOM_SUITE, treeIn(groupInfo)).leaves();
    const lost = leaves.find(({ leaf }) => sameBytes(leaf.signatureKey, this.signatureKey));
    if (!lost) throw new Unauthentic("a GroupInfo without this device");
    return Group.joinExternally(this.#member, groupInfo, {
      authenticatedData: memberData(roomId, messageId),
      remove: lost.index,
      leafExtensions: lost.leaf.extensions,
      random: randomBytes,
      now: seconds(),
      rules: this.#rules,
    });
  }

  /** @returns {Promise<{ref: string, packageBytes: Uint8Array, privateBytes: Uint8Array}>} `ref` (hex) in Welcomes */
  async makeKeyPackage() {
    const secrets = await makeKeyPackage(this.#member, seconds(), randomBytes);
    const ref = toHex(await secrets.package.ref(ROOM_SUITE));
    const packageBytes = new MLSMessage(WireFormat.KEY_PACKAGE, secrets.package.encode()).encode();
    return { ref, packageBytes, privateBytes: secrets.encode() };
  }

  /**
   * Somebody's key package, after all that can be wrong with it was looked at, dates included.
   * @param {Uint8Array} packageBytes @param {{publicKey: Uint8Array, userId: Uint8Array}} owner whose it is to be
   * Raises: malformed; unauthentic; invalid.
   */
  async checkKeyPackage(packageBytes, { publicKey, userId }) {
    const keyPackage = parseKeyPackage(packageBytes);
    await keyPackage.verify(ROOM_SUITE);
    this.#rules.checkKeyPackage(keyPackage);
    const { signatureKey, credential, lifetime } = keyPackage.leafNode;
    const identity = LeafIdentity.parse(credential.identity);
    if (!sameBytes(signatureKey, publicKey) || !sameBytes(identity.userId, userId)) {
      throw new Unauthentic("a key package of another device");
    }
    const now = seconds();
    for (const { notBefore, notAfter } of [lifetime, identity]) {
      if (now < notBefore || now > notAfter) throw new Unauthentic("a key package out of its time");
    }
    return keyPackage;
  }
}

function parseKeyPackage(message) {
  const { wireFormat, body } = MLSMessage.parse(message);
  if (wireFormat !== WireFormat.KEY_PACKAGE) throw new Malformed("not a key package");
  const reader = new Reader(body);
  const keyPackage = KeyPackage.read(reader);
  reader.end();
  return keyPackage;
}

/** Names (hex) of the key packages a Welcome was made for; none when it is no Welcome. */
export function refsOf(welcome) {
  try {
    return parseWelcome(welcome).secrets.map((each) => toHex(each.newMember));
  } catch {
    return [];
  }
}
