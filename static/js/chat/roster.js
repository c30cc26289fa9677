// Who is in a group: its leaves as people and devices.
//
// Spec: 4.4

import { fromHex, sameBytes, toHex } from "../bytes.js";
import { Roles } from "../mls/profile.js";
import { LeafIdentity } from "../protocol/credential.js";

/**
 * @typedef {object} Seat
 * @property {number} index of the leaf
 * @property {string} userId hex
 * @property {Uint8Array} deviceId 16 bytes
 * @property {Uint8Array} signatureKey 32 bytes
 */

/** Trees do not change, so each is read once. @type {WeakMap<object, readonly Seat[]>} */
const known = new WeakMap();

/** @param {object} group @returns {readonly Seat[]} by leaf */
export function seatsOf(group) {
  const { tree } = group;
  if (!known.has(tree)) known.set(tree, Object.freeze(group.members.map(({ index, leaf }) => seatOf(index, leaf))));
  return known.get(tree);
}

/** The person a leaf belongs to. @returns {string} user id, hex */
export function userOf(leaf) {
  return toHex(LeafIdentity.parse(leaf.credential.identity).userId);
}

/** @param {readonly Seat[]} seats @returns {string[]} user ids (hex), each once */
export function usersOf(seats) {
  return [...new Set(seats.map((seat) => seat.userId))];
}

/** Those who may remove others. @param {object} group @returns {string[]} user ids, hex */
export function administratorsOf(group) {
  const users = usersOf(seatsOf(group));
  const present = users.map(fromHex);
  const roles = Roles.of(group.context.extensions);
  return users.filter((userId) => roles.administers(fromHex(userId), present));
}

/** The devices of `seats` that are not among `others`. @param {readonly Seat[]} seats @returns {Uint8Array[]} ids */
export function devicesBeside(seats, others) {
  const isAmong = ({ deviceId }) => others.some((other) => sameBytes(other.deviceId, deviceId));
  return seats.filter((seat) => !isAmong(seat)).map((seat) => seat.deviceId);
}

function seatOf(index, leaf) {
  const { userId, deviceId } = LeafIdentity.parse(leaf.credential.identity);
  return Object.freeze({ index, userId: toHex(userId), deviceId, signatureKey: leaf.signatureKey });
}
