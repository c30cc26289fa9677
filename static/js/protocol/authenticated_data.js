/**
 * What an MLS message of a room authenticates in the clear: which message it is, and by what right it was sent.
 *
 * Form 1 stands with every message of a member, and with the external commit of a device that lost its state; the other
 * three carry a signature that everybody can check: a voucher's, or that of a person's root.
 * Spec: 4.4, 4.9
 */

import { concat, utf8 } from "../bytes.js";
import { Reader, u8, u64 } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { ed25519Verify } from "./primitives.js";

const ID_BYTES = 16;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const NONE = new Uint8Array(0);

/** The first byte: by what right the message was sent. */
export const DataForm = Object.freeze({ MEMBER: 1, VOUCHER: 2, OWN_DEVICE: 3, REVOKED: 4 });

const FORMS = Object.values(DataForm);
const WITH_KEY = [DataForm.VOUCHER, DataForm.REVOKED];

/** The parts of it. `key` (32 bytes) and `signature` (64 bytes) are empty where the form has none. */
export class AuthenticatedData {
  /**
   * `key`: the voucher's public key (VOUCHER), or the signature key of the leaf that goes (REVOKED). `signature`: by the
   * voucher's key (VOUCHER) or by the person's root key (OWN_DEVICE, REVOKED).
   *
   * @param {number} form @param {Uint8Array} roomId @param {Uint8Array} messageId
   * @param {Uint8Array} [key] @param {Uint8Array} [signature]
   */
  constructor(form, roomId, messageId, key = NONE, signature = NONE) {
    Object.assign(this, { form, roomId, messageId, key, signature });
    Object.freeze(this);
  }

  /**
   * 33, 129, 97 or 129 bytes.
   *
   *     +------+---------+------------+-----+-----------+
   *     | form | room_id | message_id | key | signature |
   *     +------+---------+------------+-----+-----------+
   *
   *     offset  bytes  meaning
   *     0       1      form
   *     1       16     room id
   *     17      16     message id
   *     33      0, 32  forms 2 and 4: the voucher's public key, or the signature key of the leaf that goes
   *     then    0, 64  forms 2, 3 and 4: Ed25519
   *
   * Raises: usage (sizes).
   */
  encode() {
    const parts = [this.roomId, this.messageId, this.key, this.signature];
    const expected = [ID_BYTES, ID_BYTES, ...tailSizes(this.form)];
    if (parts.some((part, index) => part.length !== expected[index])) {
      throw new UsageError(`authenticated data of form ${this.form} with parts of ${parts.map((part) => part.length)}`);
    }
    return concat(u8(this.form), ...parts);
  }

  /** The parts of these bytes; signatures are not verified. Raises: malformed (another form, another size). */
  static parse(data) {
    const reader = new Reader(data);
    const form = reader.u8();
    if (!FORMS.includes(form)) throw new Malformed(`authenticated data of form ${form}`);
    const [roomId, messageId] = [reader.take(ID_BYTES), reader.take(ID_BYTES)];
    const [keyBytes, signatureBytes] = tailSizes(form);
    const parsed = new AuthenticatedData(form, roomId, messageId, reader.take(keyBytes), reader.take(signatureBytes));
    reader.end();
    return parsed;
  }

  /** Nothing, when the voucher's key vouched for the leaf with this signature key. Raises: unauthentic. */
  verifyVoucher(leafKey) {
    ed25519Verify(this.key, this.signature, vouchedMessage(this.roomId, this.key, leafKey));
  }

  /**
   * Nothing, when this root let the leaf with this signature key in, by a commit of this epoch. Raises: unauthentic.
   */
  verifyOwnDevice(rootPublic, epoch, leafKey) {
    ed25519Verify(rootPublic, this.signature, joinMessage(this.roomId, epoch, leafKey));
  }

  /** Nothing, when this root revoked the leaf whose signature key is `key`. Raises: unauthentic. */
  verifyRevoked(rootPublic) {
    ed25519Verify(rootPublic, this.signature, deviceRevokedMessage(this.key));
  }
}

/** Form 1, 33 bytes: of a member's message or commit. Raises: usage (ids of other sizes than 16 bytes). */
export function memberData(roomId, messageId) {
  return new AuthenticatedData(DataForm.MEMBER, roomId, messageId).encode();
}

/** Form 1 as an external commit has it: the device takes the place of its own leaf. Raises: usage (ids). */
export function resyncData(roomId, messageId) {
  return memberData(roomId, messageId);
}

/**
 * Form 2, 129 bytes: the external commit of somebody a member vouched for; the voucher's key signs
 * `vouchedMessage`.
 * Raises: usage (sizes). Spec: 4.9
 */
export function voucherData(roomId, messageId, vouchPublic, signature) {
  return new AuthenticatedData(DataForm.VOUCHER, roomId, messageId, vouchPublic, signature).encode();
}

/**
 * Form 3, 97 bytes: the external commit of a further device of a member; the root signs `joinMessage`.
 * Raises: usage (sizes).
 */
export function ownDeviceData(roomId, messageId, signature) {
  return new AuthenticatedData(DataForm.OWN_DEVICE, roomId, messageId, NONE, signature).encode();
}

/**
 * Form 4, 129 bytes: a member's commit that removes a device whose owner's root signed `deviceRevokedMessage`.
 * Raises: usage (sizes).
 */
export function revokedData(roomId, messageId, leafKey, signature) {
  return new AuthenticatedData(DataForm.REVOKED, roomId, messageId, leafKey, signature).encode();
}

/** What a voucher's key signs: the room, itself and the newcomer's leaf signature key. */
export function vouchedMessage(roomId, vouchPublic, leafKey) {
  return concat(utf8(PREFIXES.vouched), roomId, vouchPublic, leafKey);
}

/** What a person's root signs to let a device in: the room, the epoch of the commit and the leaf signature key. */
export function joinMessage(roomId, epoch, leafKey) {
  return concat(utf8(PREFIXES.join), roomId, u64(epoch), leafKey);
}

/** What a person's root signs to have a device of theirs removed from every room. */
export function deviceRevokedMessage(leafKey) {
  return concat(utf8(PREFIXES["device revoked"]), leafKey);
}

function tailSizes(form) {
  return [WITH_KEY.includes(form) ? KEY_BYTES : 0, form === DataForm.MEMBER ? 0 : SIGNATURE_BYTES];
}
