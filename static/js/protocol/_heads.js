// The inner part of connection_info.js: what a file says about things that lie elsewhere. Spec: 3.8

import { bytes, integer } from "./_members.js";
import { encodeBase64 } from "./encoding.js";
import { Malformed } from "./errors.js";
import { constantTimeEqual, sha256 } from "./primitives.js";

const HASH_BYTES = 32;

/**
 * Where the server's audit log stands: whoever keeps it can tell later whether the log was shortened or rewritten.
 *
 * Sizes: hash 32 bytes.
 */
export class AuditHead {
  /** @param {number} number @param {Uint8Array} hash */
  constructor(number, hash) {
    Object.assign(this, { number, hash });
    Object.freeze(this);
  }

  /** As it stands in the file. */
  toMembers() {
    return { number: this.number, hash: encodeBase64(this.hash) };
  }

  /** The head these members of a file describe. Raises: malformed. */
  static fromMembers(members) {
    return new AuditHead(integer(members, "number"), bytes(members, "hash", HASH_BYTES));
  }
}

/** Which revocation list belongs to the file. Sizes: sha256 32 bytes, over the list as it is published. */
export class RevocationsHead {
  /** @param {number} serial @param {Uint8Array} digest */
  constructor(serial, digest) {
    Object.assign(this, { serial, sha256: digest });
    Object.freeze(this);
  }

  /** Whether these published bytes are the list. @param {Uint8Array} data */
  matches(data) {
    return constantTimeEqual(this.sha256, sha256(data));
  }

  /** As it stands in the file. */
  toMembers() {
    return { serial: this.serial, sha256: encodeBase64(this.sha256) };
  }

  /** The head these members of a file describe. Raises: malformed. */
  static fromMembers(members) {
    const head = new RevocationsHead(integer(members, "serial"), bytes(members, "sha256", HASH_BYTES));
    if (head.serial === 0) throw new Malformed("revocation list without serial");
    return head;
  }
}
