/**
 * The statement by which a server's identity hands over to the next one, so that nobody has to be invited again.
 *
 * Spec: 3.2
 */

import { concat, utf8 } from "../bytes.js";
import { Reader, u64 } from "./encoding.js";
import { Expired, Malformed, NotYetValid, UnknownPeer, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { IdentityPublic } from "./keys.js";
import { CLOCK_SKEW_SECONDS, SUCCESSION_BYTES, SUCCESSION_MAX_SECONDS } from "./limits.js";

const UNSIGNED = { signature: new Uint8Array(), proof: new Uint8Array() };

/**
 * One identity's word that another follows it, and that one's proof that it holds its key.
 *
 * Units: begins and until in seconds since 1970; both identities hold between them, at most 90 days.
 */
export class SuccessorStatement {
  /**
   * @param {{old: IdentityPublic, new: IdentityPublic, begins: number, until: number, signature: Uint8Array,
   *   proof: Uint8Array}} members
   */
  constructor(members) {
    this.old = members.old;
    this.new = members.new;
    this.begins = members.begins;
    this.until = members.until;
    this.signature = members.signature;
    this.proof = members.proof;
    Object.freeze(this);
  }

  /**
   * The 208 bytes of TLV 17 and of `successor`.
   *
   *     +------------+------------+------+-------+-----------+-------+
   *     | old_public | new_public | from | until | signature | proof |
   *     +------------+------------+------+-------+-----------+-------+
   *
   *     offset  bytes  meaning
   *     0       32     the identity that hands over
   *     32      32     the one that follows
   *     64      8      seconds since 1970, from when
   *     72      8      seconds since 1970, until when both hold
   *     80      64     Ed25519 by the old one over the first 80 bytes
   *     144     64     Ed25519 by the new one over the same bytes
   */
  encode() {
    return concat(signedPart(this), this.signature, this.proof);
  }

  /**
   * The statement in these bytes, not yet checked.
   *
   * Raises: malformed (length, times that are none or too far apart, an identity that follows itself).
   * @param {Uint8Array} data
   */
  static parse(data) {
    if (data.length !== SUCCESSION_BYTES) {
      throw new Malformed(`successor statement of ${data.length} bytes, expected ${SUCCESSION_BYTES}`);
    }
    const reader = new Reader(data);
    const [old, successor] = [new IdentityPublic(reader.take(32)), new IdentityPublic(reader.take(32))];
    const [begins, until, signature, proof] = [reader.u64(), reader.u64(), reader.take(64), reader.take(64)];
    checkShape(old, successor, begins, until);
    return new SuccessorStatement({ old, new: successor, begins, until, signature, proof });
  }

  /**
   * Nothing, when one of the pins hands over by it and it holds now; now is the server's clock as we know it.
   *
   * Units: seconds since 1970.
   * Raises: unknown_peer (no pin of ours); unauthentic; expired; not_yet_valid (with 300 s for wrong clocks).
   * @param {IdentityPublic[]} pins @param {number} now
   */
  check(pins, now) {
    if (!pins.some((pin) => pin.equals(this.old))) throw new UnknownPeer("another server hands over");
    const part = signedPart(this);
    this.old.verify(this.signature, concat(utf8(PREFIXES.successor), part));
    this.new.verify(this.proof, concat(utf8(PREFIXES["successor proof"]), part));
    if (now >= this.until) throw new Expired(`handover until ${this.until}`);
    if (this.begins > now + CLOCK_SKEW_SECONDS) throw new NotYetValid(`handover from ${this.begins}`);
  }
}

/**
 * The statement by which `old` hands over to `successor`.
 *
 * Units: seconds since 1970.
 * Raises: usage (what readers would refuse: the same key, until not after begins or more than 90 days later).
 * Spec: 3.2
 * @param {import("./keys.js").IdentityKey} old @param {import("./keys.js").IdentityKey} successor
 * @param {number} begins @param {number} until
 */
export function signSuccession(old, successor, begins, until) {
  const unsigned = { ...UNSIGNED, old: old.public, new: successor.public, begins, until };
  try {
    checkShape(unsigned.old, unsigned.new, begins, until);
  } catch (error) {
    throw new UsageError(error.text);
  }
  const part = signedPart(unsigned);
  return new SuccessorStatement({
    ...unsigned,
    signature: old.sign(concat(utf8(PREFIXES.successor), part)),
    proof: successor.sign(concat(utf8(PREFIXES["successor proof"]), part)),
  });
}

function signedPart(statement) {
  return concat(statement.old.bytes, statement.new.bytes, u64(statement.begins), u64(statement.until));
}

function checkShape(old, successor, begins, until) {
  if (old.equals(successor)) throw new Malformed("an identity does not follow itself");
  const seconds = until - begins;
  if (seconds <= 0 || seconds > SUCCESSION_MAX_SECONDS) {
    throw new Malformed(`handover of ${seconds} s, expected 1 to ${SUCCESSION_MAX_SECONDS}`);
  }
}
