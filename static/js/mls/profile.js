/**
 * The room profile's own bytes: capabilities, roles, vouchers, and what a message's authenticated data may be.
 *
 * Spec: 4.4, 4.9
 */

import { concat, sameBytes, toHex } from "../bytes.js";
import { Reader, u8, u16 } from "../protocol/encoding.js";
import { Malformed } from "../protocol/errors.js";
import { vectorOf } from "./codec.js";
import { profileCapabilities } from "./member.js";
import { CredentialType, Extension, ExtensionType } from "./nodes.js";
import { ROOM_SUITE } from "./suite.js";

export {
  AuthenticatedData,
  DataForm,
  deviceRevokedMessage,
  joinMessage,
  memberData,
  ownDeviceData,
  resyncData,
  revokedData,
  vouchedMessage,
  voucherData,
} from "../protocol/authenticated_data.js";

export const ROLES_EXTENSION = ExtensionType.ROLES;
export const VOUCHER_EXTENSION = ExtensionType.VOUCHER;
export const ROOM_ID_BYTES = 16;
export const VOUCHER_BYTES = 32;
const VERSION = 1;
const USER_ID_BYTES = 16;

export const ROOM_CAPABILITIES = profileCapabilities(ROOM_SUITE.number);
/** RFC 9420 11.1: extension types, no proposal types, credential types. */
export const REQUIRED_CAPABILITIES = new Extension(
  ExtensionType.REQUIRED_CAPABILITIES,
  concat(
    vectorOf([u16(ROLES_EXTENSION), u16(VOUCHER_EXTENSION)]),
    vectorOf([]),
    vectorOf([u16(CredentialType.BASIC)]),
  ),
);

/** One open voucher: its public key (32 bytes) and the user id (16 bytes) of the member who gave it. */
export class Vouch {
  /** @param {Uint8Array} public_ @param {Uint8Array} inviter */
  constructor(public_, inviter) {
    Object.assign(this, { public: public_, inviter });
    Object.freeze(this);
  }
}

/** Who may do what in a room: extension 0xF0C1 of the group context. Spec: 4.4 */
export class Roles {
  /** @param {boolean} everyMemberMayAdd @param {Uint8Array[]} administrators @param {Vouch[]} vouches */
  constructor(everyMemberMayAdd, administrators, vouches = []) {
    Object.assign(this, { everyMemberMayAdd, administrators, vouches });
    Object.freeze(this);
  }

  /**
   * The extension's data; both lists are written in ascending order.
   *
   *     +---------+-------------+----+----------------+----+----------------------------+
   *     | version | who_may_add | n  | administrators | m  | vouch_public, inviter      |
   *     +---------+-------------+----+----------------+----+----------------------------+
   *
   *     offset    bytes  meaning
   *     0         1      version, 1
   *     1         1      0 administrators, 1 every member may add
   *     2         2      n
   *     4         16 n   user ids, ascending, distinct
   *     4 + 16 n  2      m
   *     6 + 16 n  48 m   public key of a voucher and the user id of its inviter, ascending by key, distinct
   */
  encode() {
    const users = [...new Map(this.administrators.map((user) => [toHex(user), user])).values()].sort(compare);
    const vouches = this.vouches.toSorted((one, other) => compare(one.public, other.public));
    return concat(
      u8(VERSION),
      u8(this.everyMemberMayAdd ? 1 : 0),
      u16(users.length),
      ...users,
      u16(vouches.length),
      ...vouches.flatMap((vouch) => [vouch.public, vouch.inviter]),
    );
  }

  /** The roles in these bytes. Raises: malformed (another version or value, lists out of order, bytes too many). */
  static parse(data) {
    const reader = new Reader(data);
    const [version, whoMayAdd] = [reader.u8(), reader.u8()];
    if (version !== VERSION || whoMayAdd > 1) {
      throw new Malformed(`roles version ${version}, who_may_add ${whoMayAdd}`);
    }
    const users = times(reader.u16(), () => reader.take(USER_ID_BYTES));
    const vouches = times(reader.u16(), () => new Vouch(reader.take(VOUCHER_BYTES), reader.take(USER_ID_BYTES)));
    reader.end();
    if (!ascend(users) || !ascend(vouches.map((vouch) => vouch.public))) throw new Malformed("roles out of order");
    return new Roles(whoMayAdd === 1, users, vouches);
  }

  /** The roles among the extensions of a group context. Raises: malformed (none, two, or no roles in it). */
  static of(extensions) {
    const found = extensions.filter((each) => each.extensionType === ROLES_EXTENSION);
    if (found.length !== 1) throw new Malformed(`${found.length} roles in a group context`);
    return Roles.parse(found[0].extensionData);
  }

  /** These roles as the group context carries them. */
  extension() {
    return new Extension(ROLES_EXTENSION, this.encode());
  }

  /**
   * Whether a user is an administrator; present: the user ids of all leaves.
   *
   * A room that none of its administrators is in any more is administered by everybody.
   */
  administers(userId, present) {
    return includes(this.administrators, userId) || !present.some((user) => includes(this.administrators, user));
  }

  /** Whether a user may add others; present: the user ids of all leaves. */
  mayAdd(userId, present) {
    return this.everyMemberMayAdd || this.administers(userId, present);
  }

  /** The open voucher of this public key, or null. */
  vouch(public_) {
    return this.vouches.find((each) => sameBytes(each.public, public_)) ?? null;
  }
}

/** All that a room's group context carries, in its order. */
export function roomExtensions(roles) {
  return [REQUIRED_CAPABILITIES, roles.extension()];
}

/** What the leaf of a newcomer carries who came by this voucher. */
export function voucherExtension(vouchPublic) {
  return new Extension(VOUCHER_EXTENSION, vouchPublic);
}

function times(count, make) {
  return Array.from({ length: count }, make);
}

function includes(users, userId) {
  return users.some((user) => sameBytes(user, userId));
}

/** Order of byte strings of one length. */
function compare(one, other) {
  const place = one.findIndex((octet, index) => octet !== other[index]);
  return place < 0 ? 0 : one[place] - other[place];
}

function ascend(values) {
  return values.every((value, index) => index === 0 || compare(values[index - 1], value) < 0);
}
