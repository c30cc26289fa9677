/**
 * The connection file: sealed for those who hold the discovery secret, signed by the server, safe on any mirror.
 *
 * Spec: 3.8
 */

import { concat, fromHex, sameBytes, toHex, utf8 } from "../bytes.js";
import { isObject, member, text } from "./_members.js";
import { ConnectionInfo } from "./connection_info.js";
import { encodeBase64, encodeJson, parseBase64, parseJson, u32 } from "./encoding.js";
import { Malformed, TooLarge, Unauthentic, UnknownPeer, UnsupportedVersion, UsageError } from "./errors.js";
import { connectionFileKey, keyId, PREFIXES } from "./key_schedule.js";
import { DiscoverySecret } from "./keys.js";
import { CONNECTION_FILE_MAX_BYTES, CONNECTION_FILE_STEP_BYTES } from "./limits.js";
import { aeadKey, aeadOpen, aeadSeal, NONCE_BYTES, randomBytes, sha256, TAG_BYTES } from "./primitives.js";

export { ConnectionInfo, Endpoint } from "./connection_info.js";
export { checkFreshness, chooseFreshest } from "./freshness.js";

export const ALGORITHM = "aes-256-gcm";
export const FILE_VERSION = 2;
const NOTHING = new Uint8Array();

/**
 * The object to publish.
 *
 * Sizes: a multiple of 4 KiB, at most 64 KiB, so that its length tells little about its content.
 * Raises: too_large; usage (information that no reader would accept, or about another server).
 * Spec: 3.8
 */
export async function sealConnectionFile(info, discoverySecret, identity, now) {
  return _sealConnectionFile(checked(info, identity), discoverySecret, identity, now, randomBytes(NONCE_BYTES));
}

/** A published object whose shape was checked; nothing in it is believed before `open`. */
export class SealedConnectionFile {
  /** @param {{kid: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array, signatures: Uint8Array[],
   *          wraps?: Uint8Array}} fields */
  constructor({ kid, iv, ciphertext, tag, signatures, wraps = NOTHING }) {
    Object.assign(this, { kid, iv, ciphertext, tag, signatures, wraps });
    Object.freeze(this);
  }

  /** The object in these bytes. Raises: too_large; malformed (also without a signature); unsupported_version. */
  static parse(data) {
    const members = parseEnvelope(data);
    if (member(members, "v") !== FILE_VERSION) throw new UnsupportedVersion("connection file without our additions");
    const kid = text(members, "kid");
    if (!/^[0-9a-f]{16}$/.test(kid)) throw new Malformed("kid is not 16 hex digits");
    const signatures = [bytes(members, "sig", 64)];
    if (Object.hasOwn(members, "sig_next")) signatures.push(bytes(members, "sig_next", 64));
    return new SealedConnectionFile({
      kid: fromHex(kid),
      iv: bytes(members, "iv", NONCE_BYTES),
      ciphertext: bytes(members, "ciphertext"),
      tag: bytes(members, "tag", TAG_BYTES),
      signatures,
      wraps: Object.hasOwn(members, "wraps") ? bytes(members, "wraps") : NOTHING,
    });
  }

  /**
   * What the file says, when a pinned server signed it; secrets may be one, or several by the hex of their `kid`.
   *
   * Whether it is fresh is for `checkFreshness` and `chooseFreshest`.
   * Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large;
   * unsupported_version.
   * Spec: 3.8
   * @param {DiscoverySecret | Map<string, DiscoverySecret>} secrets
   * @param {import("./keys.js").IdentityPublic[]} pins
   * @returns {Promise<ConnectionInfo>}
   */
  async open(secrets, pins) {
    const byKid = secrets instanceof DiscoverySecret ? new Map([[toHex(keyId(secrets)), secrets]]) : secrets;
    const secret = byKid.get(toHex(this.kid));
    if (secret === undefined) throw new UnknownPeer("sealed under another discovery secret");
    const signer = this.#verify(pins);
    const key = await aeadKey(connectionFileKey(secret));
    const plaintext = await aeadOpen(key, this.iv, concat(this.ciphertext, this.tag), NOTHING);
    const info = ConnectionInfo.parse(plaintext, signer);
    if (!pins.some((pin) => pin.equals(info.serverPublic))) throw new Unauthentic("names a server that is not pinned");
    return info;
  }

  /** What the server's identity signs. */
  signed() {
    const { kid, iv, ciphertext, tag, wraps } = this;
    return concat(utf8(PREFIXES["connection file"]), kid, iv, u32(ciphertext.length), ciphertext, tag, sha256(wraps));
  }

  /** The published JSON, padded. The outer timestamp is the specification's and means nothing. */
  encode(now) {
    const members = {
      v: FILE_VERSION,
      kid: toHex(this.kid),
      iv: encodeBase64(this.iv),
      ciphertext: encodeBase64(this.ciphertext),
      tag: encodeBase64(this.tag),
      algorithm: ALGORITHM,
      timestamp: now,
      sig: encodeBase64(this.signatures[0]),
      pad: "",
    };
    const step = CONNECTION_FILE_STEP_BYTES;
    members.pad = "0".repeat((step - (encodeJson(members).length % step)) % step);
    const data = encodeJson(members);
    if (data.length > CONNECTION_FILE_MAX_BYTES) {
      throw new TooLarge(`connection file of ${data.length} bytes, at most ${CONNECTION_FILE_MAX_BYTES}`);
    }
    return data;
  }

  #verify(pins) {
    if (pins.length === 0) throw new UsageError("no pinned server");
    const signer = pins.find((pin) => this.signatures.some((signature) => verifies(pin, signature, this.signed())));
    if (signer === undefined) throw new Unauthentic("not signed by a pinned server");
    return signer;
  }
}

/** The specification's own format 1 (its 6.2), without our additions; no client of ours believes it. Spec: 3.8 */
export async function encryptConnectionFile(dataJson, sharedSecret, now) {
  const members = await _encryptConnectionFile(encodeJson(dataJson), sharedSecret, randomBytes(NONCE_BYTES));
  return encodeJson({ ...members, timestamp: now });
}

/**
 * The inner JSON of format 1. It proves only that its maker held the shared secret.
 *
 * Raises: too_large; malformed; unauthentic.
 * Spec: 3.8
 */
export async function decryptConnectionFile(data, sharedSecret) {
  const members = parseEnvelope(data);
  const sealed = concat(bytes(members, "ciphertext"), bytes(members, "tag", TAG_BYTES));
  const key = await aeadKey(connectionFileKey(sharedSecret));
  return aeadOpen(key, bytes(members, "iv", NONCE_BYTES), sealed, NOTHING);
}

/** The object under a given IV, for the vectors. */
export async function _sealConnectionFile(plaintext, discoverySecret, identity, now, iv) {
  const [ciphertext, tag] = await sealInner(plaintext, discoverySecret, iv);
  const unsigned = new SealedConnectionFile({ kid: keyId(discoverySecret), iv, ciphertext, tag, signatures: [] });
  return new SealedConnectionFile({ ...unsigned, signatures: [identity.sign(unsigned.signed())] }).encode(now);
}

/** Format 1 under a given IV, for the vectors. */
export async function _encryptConnectionFile(plaintext, sharedSecret, iv) {
  const [ciphertext, tag] = await sealInner(plaintext, sharedSecret, iv);
  const sealed = { iv: encodeBase64(iv), ciphertext: encodeBase64(ciphertext), tag: encodeBase64(tag) };
  return { ...sealed, algorithm: ALGORITHM };
}

function checked(info, identity) {
  const plaintext = info.encode();
  let read;
  try {
    read = ConnectionInfo.parse(plaintext, identity.public);
  } catch (error) {
    throw new UsageError(`readers would refuse it: ${error.message}`);
  }
  if (!sameBytes(read.encode(), plaintext) || !read.serverPublic.equals(identity.public)) {
    throw new UsageError("readers would understand it otherwise");
  }
  return plaintext;
}

async function sealInner(plaintext, secret, iv) {
  const sealed = await aeadSeal(await aeadKey(connectionFileKey(secret)), iv, plaintext, NOTHING);
  return [sealed.slice(0, -TAG_BYTES), sealed.slice(-TAG_BYTES)];
}

function parseEnvelope(data) {
  const members = parseJson(data, CONNECTION_FILE_MAX_BYTES);
  if (!isObject(members) || member(members, "algorithm") !== ALGORITHM) throw new Malformed("not a connection file");
  return members;
}

function bytes(members, name, size = null) {
  const data = parseBase64(text(members, name));
  if (size !== null && data.length !== size) throw new Malformed(`${name} of ${data.length} bytes, expected ${size}`);
  return data;
}

function verifies(pin, signature, message) {
  try {
    pin.verify(signature, message);
  } catch {
    return false;
  }
  return true;
}
