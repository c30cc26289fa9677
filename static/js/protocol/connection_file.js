/**
 * The connection file: sealed for those who hold the discovery secret, signed by the server, safe on any mirror.
 *
 * Spec: 3.8
 */

import { concat, sameBytes, utf8 } from "../bytes.js";
import { bytes } from "./_members.js";
import { ALGORITHM, parseEnvelope, SealedObject, sealInner, signersOf } from "./_sealed_object.js";
import { ConnectionInfo } from "./connection_info.js";
import { encodeBase64 } from "./encoding.js";
import { Unauthentic, UsageError } from "./errors.js";
import { connectionFileKey } from "./key_schedule.js";
import { aeadKey, aeadOpen, NONCE_BYTES, randomBytes, TAG_BYTES } from "./primitives.js";
import { checkWraps, openWrap } from "./wraps.js";

export { ALGORITHM, FILE_VERSION } from "./_sealed_object.js";
export { AuditHead, ConnectionInfo, Endpoint, RevocationsHead } from "./connection_info.js";
export { checkFreshness, chooseFreshest } from "./freshness.js";

const NOTHING = new Uint8Array();

/**
 * The object to publish.
 *
 * wraps (of `joinWraps`) bring the secret to those who are away; while the server hands over to another identity, its
 * successor signs, too.
 * Sizes: a multiple of 4 KiB, at most 64 KiB, so that its length tells little about its content.
 * Raises: too_large; usage (information or wraps that no reader would accept, or about another server).
 * Spec: 3.8
 * @param {ConnectionInfo} info @param {import("./keys.js").DiscoverySecret} discoverySecret
 * @param {import("./keys.js").IdentityKey} identity @param {number} now seconds since 1970
 * @param {{wraps?: Uint8Array, successor?: import("./keys.js").IdentityKey | null}} [additions]
 * @returns {Promise<Uint8Array>}
 */
export async function sealConnectionFile(info, discoverySecret, identity, now, additions = {}) {
  const { wraps = NOTHING, successor = null } = additions;
  asUsage(() => checkWraps(wraps));
  const [plaintext, signers] = [checked(info, identity), signersOf(identity, successor)];
  const iv = randomBytes(NONCE_BYTES);
  return (await SealedConnectionFile.seal(plaintext, discoverySecret, iv, signers, wraps)).encode(now);
}

/**
 * A published file whose shape was checked; nothing in it is believed before `open`.
 *
 * `parse` raises: too_large; malformed (also without a signature); unsupported_version.
 */
export class SealedConnectionFile extends SealedObject {
  static NOUN = "connection file";

  /**
   * What the file says, when a pinned server signed it; secrets may be one, or several by the hex of their `kid`.
   *
   * Whether it is fresh is for `checkFreshness` and `chooseFreshest`.
   * Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large;
   * unsupported_version.
   * Spec: 3.8
   * @param {import("./keys.js").DiscoverySecret | Map<string, import("./keys.js").DiscoverySecret>} secrets
   * @param {import("./keys.js").IdentityPublic[]} pins
   * @returns {Promise<ConnectionInfo>}
   */
  async open(secrets, pins) {
    const info = ConnectionInfo.parse(...(await this.plaintext(secrets, pins)));
    if (!pins.some((pin) => pin.equals(info.serverPublic))) throw new Unauthentic("names a server that is not pinned");
    return info;
  }

  /**
   * The secret this file is sealed under, from the wrap for one of these PSKs (a device's, an invite's).
   *
   * A pinned server's signature is verified first: only then is what it wrapped worth a look.
   * Raises: unauthentic; unknown_peer (nothing in it is wrapped for us); malformed.
   * Spec: 3.10
   * @param {Iterable<import("./keys.js").PreSharedKey>} psks @param {import("./keys.js").IdentityPublic[]} pins
   * @returns {Promise<import("./keys.js").DiscoverySecret>}
   */
  async unwrap(psks, pins) {
    this.verify(pins);
    return openWrap(this.wraps, this.kid, psks);
  }
}

/**
 * The specification's own format 1 (its 6.2), byte for byte; no client of ours believes it, as it lacks `sig`.
 *
 * Units: now in seconds since 1970. (A number that Python would write as 1.0 is 1 here.)
 * Spec: 3.8
 */
export async function encryptConnectionFile(dataJson, sharedSecret, now) {
  const members = await _encryptConnectionFile(specificationJson(dataJson), sharedSecret, randomBytes(NONCE_BYTES));
  return specificationJson({ ...members, timestamp: now });
}

/**
 * The inner JSON of format 1. It proves only that its maker held the shared secret.
 *
 * Raises: too_large; malformed; unauthentic.
 * Spec: 3.8
 */
export async function decryptConnectionFile(data, sharedSecret) {
  const members = parseEnvelope(data, "connection file");
  const sealed = concat(bytes(members, "ciphertext"), bytes(members, "tag", TAG_BYTES));
  const key = await aeadKey(connectionFileKey(sharedSecret));
  return aeadOpen(key, bytes(members, "iv", NONCE_BYTES), sealed, NOTHING);
}

/** The object under a given IV, for the vectors. */
export async function _sealConnectionFile(plaintext, discoverySecret, identity, now, iv) {
  return (await SealedConnectionFile.seal(plaintext, discoverySecret, iv, [identity])).encode(now);
}

/** Format 1 under a given IV, for the vectors. */
export async function _encryptConnectionFile(plaintext, sharedSecret, iv) {
  const [ciphertext, tag] = await sealInner(plaintext, sharedSecret, iv);
  const sealed = { iv: encodeBase64(iv), ciphertext: encodeBase64(ciphertext), tag: encodeBase64(tag) };
  return { ...sealed, algorithm: ALGORITHM };
}

/** JSON as the specification writes it, which is Python's: a space after each comma and colon, in ASCII. */
function specificationJson(value) {
  const spaced = (each) => {
    if (Array.isArray(each)) return `[${each.map(spaced).join(", ")}]`;
    if (typeof each !== "object" || each === null) return JSON.stringify(each);
    return `{${Object.entries(each).map((pair) => pair.map(spaced).join(": ")).join(", ")}}`;
  };
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return utf8(spaced(value).replace(/[^\x20-\x7e]/g, escaped));
}

function checked(info, identity) {
  const plaintext = info.encode();
  const read = asUsage(() => ConnectionInfo.parse(plaintext, identity.public));
  if (!sameBytes(read.encode(), plaintext) || !read.serverPublic.equals(identity.public)) {
    throw new UsageError("readers would understand it otherwise");
  }
  return plaintext;
}

/** What a reader would refuse is our own mistake when we are about to publish it. */
function asUsage(read) {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`readers would refuse it: ${error.message}`);
  }
}
