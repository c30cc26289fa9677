/**
 * Who a device belongs to: the identity in an MLS leaf, certified by a person's root key, and that key's sealed blob.
 *
 * Spec: 3.13, 4.4
 */

import { concat, utf8 } from "../bytes.js";
import { Reader, u8, u64 } from "./encoding.js";
import { Malformed, Unauthentic, UnsupportedVersion } from "./errors.js";
import { PREFIXES, rootBlobKey } from "./key_schedule.js";
import { RootKey, RootPublic } from "./keys.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual, NONCE_BYTES, randomBytes, sha256 } from "./primitives.js";

export const IDENTITY_BYTES = 146;
export const ROOT_BLOB_BYTES = 77;
const VERSION = 1;

/** Who is behind a device; a person's agent is never taken for the person. */
export const DeviceKind = Object.freeze({ HUMAN: 1, AGENT: 2 });

/** A person's id, 16 bytes: nobody assigns it. Spec: 4.4 */
export function userId(rootPublic) {
  return sha256(utf8(PREFIXES.user), rootPublic.bytes).slice(0, 16);
}

/** A device's id, 16 bytes: nobody assigns it. Spec: 3.13 */
export function deviceId(devicePublic) {
  return sha256(utf8(PREFIXES.device), devicePublic.bytes).slice(0, 16);
}

/** What an MLS leaf says about itself. Its dates are for trust to judge, not for `verify`. */
export class LeafIdentity {
  /** @param {{userId: Uint8Array, deviceId: Uint8Array, kind: number, rootPublic: RootPublic, notBefore: number,
   *          notAfter: number, signature: Uint8Array}} fields */
  constructor({ userId, deviceId, kind, rootPublic, notBefore, notAfter, signature }) {
    Object.assign(this, { userId, deviceId, kind, rootPublic, notBefore, notAfter, signature });
    Object.freeze(this);
  }

  /**
   * The 146 bytes of the credential.
   *
   *     +---------+---------+-----------+------+-------------+------------+-----------+-----------+
   *     | version | user_id | device_id | kind | root_public | not_before | not_after | signature |
   *     +---------+---------+-----------+------+-------------+------------+-----------+-----------+
   *
   *     offset  bytes  meaning
   *     0       1      version, 1
   *     1       16     user id
   *     17      16     device id
   *     33      1      kind, 1 human or 2 agent
   *     34      32     root public key
   *     66      8      seconds since 1970, not before
   *     74      8      seconds since 1970, not after
   *     82      64     Ed25519 by the root over all before and the leaf's signature key
   */
  encode() {
    return concat(signedPart(this), this.signature);
  }

  /** The identity in these bytes, not yet verified. Raises: malformed; unsupported_version. @param {Uint8Array} data */
  static parse(data) {
    const reader = new Reader(data);
    const version = reader.u8();
    if (version !== VERSION) throw new UnsupportedVersion(`leaf identity version ${version}, expected ${VERSION}`);
    const [user, device, kind] = [reader.take(16), reader.take(16), reader.u8()];
    if (!Object.values(DeviceKind).includes(kind)) throw new Malformed(`device kind ${kind}`);
    const rootPublic = new RootPublic(reader.take(32));
    const [notBefore, notAfter, signature] = [reader.u64(), reader.u64(), reader.take(64)];
    reader.end();
    return new LeafIdentity({ userId: user, deviceId: device, kind, rootPublic, notBefore, notAfter, signature });
  }

  /** Nothing, when this root certified this device under these ids. Raises: unauthentic. */
  verify(devicePublic) {
    const ours = concat(userId(this.rootPublic), deviceId(devicePublic));
    if (!constantTimeEqual(ours, concat(this.userId, this.deviceId))) {
      throw new Unauthentic("an id that does not belong to its key");
    }
    this.rootPublic.verify(this.signature, signedMessage(this, devicePublic));
  }
}

/** The identity of a device, certified by its person's root. Units: seconds since 1970. Spec: 4.4 */
export function signIdentity(rootKey, devicePublic, kind, notBefore, notAfter) {
  const rootPublic = rootKey.public;
  const ids = { userId: userId(rootPublic), deviceId: deviceId(devicePublic) };
  const unsigned = { ...ids, kind, rootPublic, notBefore, notAfter };
  return new LeafIdentity({ ...unsigned, signature: rootKey.sign(signedMessage(unsigned, devicePublic)) });
}

/**
 * The root key as a server may keep it: only the recovery key opens it. 77 bytes. Spec: 3.13
 * @param {RootKey} rootKey @param {import("./keys.js").RecoveryKey} recoveryKey @returns {Promise<Uint8Array>}
 */
export async function sealRootBlob(rootKey, recoveryKey) {
  return _sealRootBlob(rootKey, recoveryKey, randomBytes(NONCE_BYTES));
}

/**
 * The root key.
 *
 * Raises: malformed; unsupported_version; unauthentic (another recovery key, or another person's blob).
 * Spec: 3.13
 * @param {Uint8Array} blob @param {import("./keys.js").RecoveryKey} recoveryKey @returns {Promise<RootKey>}
 */
export async function openRootBlob(blob, recoveryKey) {
  const reader = new Reader(blob);
  const version = reader.u8();
  if (version !== VERSION) throw new UnsupportedVersion(`root blob version ${version}, expected ${VERSION}`);
  const [owner, nonce, sealed] = [reader.take(16), reader.take(NONCE_BYTES), reader.take(48)];
  reader.end();
  const key = await aeadKey(rootBlobKey(recoveryKey));
  const rootKey = new RootKey(await aeadOpen(key, nonce, sealed, concat(utf8(PREFIXES.root), owner)));
  if (!constantTimeEqual(userId(rootKey.public), owner)) throw new Unauthentic("root blob of another person");
  return rootKey;
}

/** The blob under a given nonce, for the vectors. */
export async function _sealRootBlob(rootKey, recoveryKey, nonce) {
  const owner = userId(rootKey.public);
  const key = await aeadKey(rootBlobKey(recoveryKey));
  const sealed = await aeadSeal(key, nonce, rootKey.bytes, concat(utf8(PREFIXES.root), owner));
  return concat(u8(VERSION), owner, nonce, sealed);
}

function signedPart({ userId: user, deviceId: device, kind, rootPublic, notBefore, notAfter }) {
  return concat(u8(VERSION), user, device, u8(kind), rootPublic.bytes, u64(notBefore), u64(notAfter));
}

function signedMessage(identity, devicePublic) {
  return concat(utf8(PREFIXES["device cert"]), signedPart(identity), devicePublic.bytes);
}
