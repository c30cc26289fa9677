// Alice, Bob and Mallory as devices, with roots of their own.

import { utf8 } from "../../../static/js/bytes.js";
import { MlsDevice } from "../../../static/js/standin/device.js";
import { Group } from "../../../static/js/standin/group.js";
import { DeviceKind, signIdentity, userId } from "../../../static/js/protocol/credential.js";
import { DevicePublic, RootKey } from "../../../static/js/protocol/keys.js";
import { newMessageId } from "../../../static/js/protocol/primitives.js";

export const NOW = 1_790_000_000;
export const ROOM = new Uint8Array(16).fill(7);

/** A device whose signing key stays in Web Crypto. */
export async function makePerson({ certifies } = {}) {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const sign = async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message));
  const root = RootKey.generate();
  const certified = new DevicePublic(certifies ?? publicKey);
  const identity = signIdentity(root, certified, DeviceKind.HUMAN, 0, 2 ** 40).encode();
  const device = await MlsDevice.open({ identity, publicKey, sign });
  return { device, publicKey, userId: userId(root.public), deviceId: identity.slice(17, 33) };
}

/** What a member needs to add this person. */
export async function invitation(person, now = Math.floor(Date.now() / 1000)) {
  const made = await person.device.makeKeyPackage(now);
  return { ...made, publicKey: person.publicKey, userId: person.userId };
}

/** A room that alice made and bob joined. */
export async function makeRoom(alice, bob) {
  const alone = await Group.create(alice.device, ROOM, Math.floor(Date.now() / 1000));
  const package_ = await invitation(bob);
  const made = await alone.commit({ add: [package_] }, newMessageId(Date.now()));
  const hers = made.group.adopt(made.next);
  const his = await Group.join(bob.device, ROOM, { ...made, privateBytes: package_.privateBytes });
  return { hers, his };
}

/** Seal and step on: `[next group, message bytes]`. */
export async function say(group, text) {
  const { group: next, message } = await group.seal(utf8(text), newMessageId(Date.now()));
  return [next, message];
}
