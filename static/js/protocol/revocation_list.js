/**
 * The revocation list: what must not be trusted any more, numbered, signed, and sealed like the connection file.
 *
 * Spec: 3.12
 */

import { concat, sameBytes, utf8 } from "../bytes.js";
import { integer, isObject, member } from "./_members.js";
import { byPlace, RevocationKind, Revoked } from "./_revoked.js";
import { SealedObject, signersOf } from "./_sealed_object.js";
import { encodeJson, parseJson } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { CONNECTION_FILE_MAX_BYTES, INTEGER_MAX } from "./limits.js";
import { constantTimeEqual, NONCE_BYTES, randomBytes, sha256 } from "./primitives.js";

export { REASON_MAX_CHARACTERS, RevocationKind, Revoked } from "./_revoked.js";

export const REVOKED_ID_BYTES = 16;
export const MAX_REVOKED = 400;
// As base64, with the envelope around it, this fits the 64 KiB of the published object.
export const REVOCATION_LIST_INNER_MAX_BYTES = 48_000;
const NOTHING = new Uint8Array();

// What is left out first when a list is full: old secrets open nothing anyway, and the server knows its devices.
const DISPENSABLE_FIRST = ["discovery", "device", "certificate", "identity"];

/** An open list. Units: issued in seconds since 1970; serial grows with every list. */
export class RevocationList {
  /** @param {number} serial @param {number} issued @param {Revoked[]} entries */
  constructor(serial, issued, entries) {
    Object.assign(this, { serial, issued, entries });
    Object.freeze(this);
  }

  /** The entry that revokes it, or null; the id is `revokedId`'s. @returns {Revoked | null} */
  find(kind, id) {
    return this.entries.find((each) => each.kind === kind && sameBytes(each.id, id)) ?? null;
  }

  /** The inner JSON, its entries in order. */
  encode() {
    const entries = [...this.entries].sort(byPlace).map((each) => each.toMembers());
    return encodeJson({ serial: this.serial, issued: this.issued, entries });
  }

  /** The list in an inner JSON. Raises: malformed (also when entries are out of order, or over 400); too_large. */
  static parse(data) {
    const members = parseJson(data, CONNECTION_FILE_MAX_BYTES);
    if (!isObject(members)) throw new Malformed("revocation list without members");
    const listed = member(members, "entries");
    if (!Array.isArray(listed) || listed.length > MAX_REVOKED) {
      throw new Malformed(`entries are not a list of at most ${MAX_REVOKED}`);
    }
    const entries = listed.map((each) => Revoked.fromMembers(each));
    if (entries.some((each, at) => at > 0 && byPlace(entries[at - 1], each) >= 0)) {
      throw new Malformed("entries out of order");
    }
    const read = new RevocationList(integer(members, "serial"), integer(members, "issued"), entries);
    if (read.serial === 0) throw new Malformed("revocation list without serial");
    return read;
  }
}

/** The 16 bytes by which a list names a key, a certificate's key or a `kid`, without telling it. Spec: 3.12 */
export function revokedId(keyOrKid) {
  return sha256(utf8(PREFIXES.revoked), keyOrKid).slice(0, REVOKED_ID_BYTES);
}

/**
 * The entries, in order, that one list can hold: all of them, or as many as fit.
 *
 * Left out are the oldest secrets first, then the oldest devices, then certificates, and identities last.
 * Sizes: at most 400 entries and 48,000 bytes of inner JSON.
 * Spec: 3.12
 * @param {Iterable<Revoked>} entries @returns {Revoked[]}
 */
export function entriesThatFit(entries) {
  const rank = (each) => DISPENSABLE_FIRST.indexOf(each.kind);
  const byWorth = (left, right) => rank(left) - rank(right) || left.since - right.since || byPlace(left, right);
  const kept = [...entries].sort(byWorth);
  const sizes = kept.map((each) => encodeJson(each.toMembers()).length + 1);
  const room = REVOCATION_LIST_INNER_MAX_BYTES - new RevocationList(INTEGER_MAX, INTEGER_MAX, []).encode().length;
  let [start, size] = [0, sizes.reduce((sum, each) => sum + each, 0)];
  for (; kept.length - start > MAX_REVOKED || size > room; start += 1) size -= sizes[start];
  return kept.slice(start).sort(byPlace);
}

/** The 64 bytes with which a server's identity ends itself; they count whoever publishes them. Spec: 3.12 */
export function signIdentityRevocation(identity) {
  return identity.sign(revocationOf(identity.public));
}

/** Whether this entry ends this identity, by the identity's own word. Spec: 3.12 */
export function checkIdentityRevocation(entry, identityPublic) {
  const named = constantTimeEqual(entry.id, revokedId(identityPublic.bytes));
  if (entry.kind !== RevocationKind.IDENTITY || !named) return false;
  try {
    identityPublic.verify(entry.statement, revocationOf(identityPublic));
  } catch {
    return false;
  }
  return true;
}

/**
 * The object to publish beside the connection file.
 *
 * Sizes: a multiple of 4 KiB, at most 64 KiB.
 * Raises: too_large; usage (a list that no reader would accept).
 * Spec: 3.12
 */
export async function sealRevocationList(revocationList, discoverySecret, identity, now, { successor = null } = {}) {
  const [plaintext, signers] = [checked(revocationList), signersOf(identity, successor)];
  return (await SealedRevocationList.seal(plaintext, discoverySecret, randomBytes(NONCE_BYTES), signers)).encode(now);
}

/** A published list whose shape was checked; nothing in it is believed before `open`. */
export class SealedRevocationList extends SealedObject {
  static NOUN = "revocation list";

  static _parseWraps() {
    return NOTHING;
  }

  /**
   * What the list says, when a pinned server signed it; secrets may be one, or several by the hex of their `kid`.
   *
   * Whether it is the one to use tells the connection file: `RevocationsHead.matches`.
   * Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large.
   * Spec: 3.12
   */
  async open(secrets, pins) {
    const [plaintext] = await this.plaintext(secrets, pins);
    return RevocationList.parse(plaintext);
  }
}

function revocationOf(identityPublic) {
  return concat(utf8(PREFIXES["identity revoked"]), identityPublic.bytes);
}

function checked(revocationList) {
  const plaintext = revocationList.encode();
  let read;
  try {
    read = RevocationList.parse(plaintext);
  } catch (error) {
    throw new UsageError(`readers would refuse it: ${error.message}`);
  }
  if (!sameBytes(read.encode(), plaintext)) throw new UsageError("readers would understand it otherwise");
  return plaintext;
}
