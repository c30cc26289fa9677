/**
 * The inner part of what lies on mirrors: sealed under the discovery secret, signed by the server, padded.
 *
 * The connection file and the revocation list are such objects; each signs with its own label, so that neither passes
 * for the other.
 * Spec: 3.8, 3.12
 */

import { concat, fromHex, toHex, utf8 } from "../bytes.js";
import { bytes, isObject, member, text } from "./_members.js";
import { encodeBase64, encodeJson, parseJson, u32 } from "./encoding.js";
import { Malformed, TooLarge, Unauthentic, UnknownPeer, UnsupportedVersion, UsageError } from "./errors.js";
import { connectionFileKey, keyId, PREFIXES } from "./key_schedule.js";
import { DiscoverySecret } from "./keys.js";
import { CONNECTION_FILE_MAX_BYTES, CONNECTION_FILE_STEP_BYTES } from "./limits.js";
import { aeadKey, aeadOpen, aeadSeal, NONCE_BYTES, sha256, TAG_BYTES } from "./primitives.js";
import { checkWraps } from "./wraps.js";

export const ALGORITHM = "aes-256-gcm";
export const FILE_VERSION = 2;
const NOTHING = new Uint8Array();

/** A published object whose shape was checked; nothing in it is believed before its signature was. */
export class SealedObject {
  /** What the object is called, which is also its label. */
  static NOUN = "";

  /** @param {{kid: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array, signatures: Uint8Array[],
   *          wraps?: Uint8Array}} fields */
  constructor({ kid, iv, ciphertext, tag, signatures, wraps = NOTHING }) {
    Object.assign(this, { kid, iv, ciphertext, tag, signatures, wraps });
    Object.freeze(this);
  }

  /** The object in these bytes. Raises: too_large; malformed (also without a signature); unsupported_version. */
  static parse(data) {
    const members = parseEnvelope(data, this.NOUN);
    if (member(members, "v") !== FILE_VERSION) throw new UnsupportedVersion(`${this.NOUN} without our additions`);
    const kid = text(members, "kid");
    if (!/^[0-9a-f]{16}$/.test(kid)) throw new Malformed("kid is not 16 hex digits");
    const signatures = [bytes(members, "sig", 64)];
    if (Object.hasOwn(members, "sig_next")) signatures.push(bytes(members, "sig_next", 64));
    return new this({
      kid: fromHex(kid),
      iv: bytes(members, "iv", NONCE_BYTES),
      ciphertext: bytes(members, "ciphertext"),
      tag: bytes(members, "tag", TAG_BYTES),
      signatures,
      wraps: this._parseWraps(members),
    });
  }

  /** What the object carries for those who do not hold its secret yet. */
  static _parseWraps(members) {
    const wraps = Object.hasOwn(members, "wraps") ? bytes(members, "wraps") : NOTHING;
    checkWraps(wraps);
    return wraps;
  }

  /** The object around this inner JSON, signed by each of the signers. */
  static async seal(plaintext, secret, iv, signers, wraps = NOTHING) {
    const [ciphertext, tag] = await sealInner(plaintext, secret, iv);
    const unsigned = new this({ kid: keyId(secret), iv, ciphertext, tag, signatures: [], wraps });
    return new this({ ...unsigned, signatures: signers.map((signer) => signer.sign(unsigned.signed())) });
  }

  /**
   * The inner JSON, and the pinned server that signed it; secrets may be one, or several by the hex of their `kid`.
   *
   * Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; usage (no pins).
   * @param {DiscoverySecret | Map<string, DiscoverySecret>} secrets
   * @param {import("./keys.js").IdentityPublic[]} pins
   * @returns {Promise<[Uint8Array, import("./keys.js").IdentityPublic]>}
   */
  async plaintext(secrets, pins) {
    const byKid = secrets instanceof DiscoverySecret ? new Map([[toHex(keyId(secrets)), secrets]]) : secrets;
    const secret = byKid.get(toHex(this.kid));
    if (secret === undefined) throw new UnknownPeer("sealed under another discovery secret");
    const signer = this.verify(pins);
    const key = await aeadKey(connectionFileKey(secret));
    return [await aeadOpen(key, this.iv, concat(this.ciphertext, this.tag), NOTHING), signer];
  }

  /** The pinned server that signed it. Raises: unauthentic; usage (no pins). */
  verify(pins) {
    if (pins.length === 0) throw new UsageError("no pinned server");
    const signer = pins.find((pin) => this.signatures.some((signature) => verifies(pin, signature, this.signed())));
    if (signer === undefined) throw new Unauthentic("not signed by a pinned server");
    return signer;
  }

  /** What the server's identity signs. */
  signed() {
    const { kid, iv, ciphertext, tag, wraps } = this;
    const label = utf8(PREFIXES[/** @type {typeof SealedObject} */ (this.constructor).NOUN]);
    return concat(label, kid, iv, u32(ciphertext.length), ciphertext, tag, sha256(wraps));
  }

  /**
   * The published JSON, padded. The outer timestamp is the specification's and means nothing.
   *
   * Raises: too_large.
   */
  encode(now) {
    const [sig, successorSig] = this.signatures.map(encodeBase64);
    const members = {
      v: FILE_VERSION,
      kid: toHex(this.kid),
      iv: encodeBase64(this.iv),
      ciphertext: encodeBase64(this.ciphertext),
      tag: encodeBase64(this.tag),
      algorithm: ALGORITHM,
      timestamp: now,
      sig,
      ...(successorSig === undefined ? {} : { sig_next: successorSig }),
      ...(this.wraps.length === 0 ? {} : { wraps: encodeBase64(this.wraps) }),
      pad: "",
    };
    const step = CONNECTION_FILE_STEP_BYTES;
    members.pad = "0".repeat((step - (encodeJson(members).length % step)) % step);
    const data = encodeJson(members);
    if (data.length > CONNECTION_FILE_MAX_BYTES) {
      throw new TooLarge(`object of ${data.length} bytes, at most ${CONNECTION_FILE_MAX_BYTES}`);
    }
    return data;
  }
}

/** Ciphertext and tag of an inner JSON. @returns {Promise<[Uint8Array, Uint8Array]>} */
export async function sealInner(plaintext, secret, iv) {
  const sealed = await aeadSeal(await aeadKey(connectionFileKey(secret)), iv, plaintext, NOTHING);
  return [sealed.slice(0, -TAG_BYTES), sealed.slice(-TAG_BYTES)];
}

/** Who signs: the server, and during a handover its successor. Raises: usage (a server that succeeds itself). */
export function signersOf(identity, successor) {
  if (successor === null) return [identity];
  if (successor.equals(identity)) throw new UsageError("a server does not succeed itself");
  return [identity, successor];
}

/** The outer members. Raises: too_large; malformed. */
export function parseEnvelope(data, noun) {
  const members = parseJson(data, CONNECTION_FILE_MAX_BYTES);
  if (!isObject(members) || member(members, "algorithm") !== ALGORITHM) throw new Malformed(`not a ${noun}`);
  return members;
}

function verifies(pin, signature, message) {
  try {
    pin.verify(signature, message);
  } catch {
    return false;
  }
  return true;
}
