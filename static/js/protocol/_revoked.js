// The inner part of revocation_list.js: one entry. Spec: 3.12

import { fromHex, toHex } from "../bytes.js";
import { bytes, integer, isObject, member, text } from "./_members.js";
import { encodeBase64 } from "./encoding.js";
import { Malformed } from "./errors.js";

export const REASON_MAX_CHARACTERS = 128;
const STATEMENT_BYTES = 64;
const NOTHING = new Uint8Array();
// A reason is shown, also in terminals.
const CONTROL = /\p{Cc}/u;

/** What was revoked: a device's or server's public key, a `kid`, or a TLS certificate's SubjectPublicKeyInfo (DER). */
export const RevocationKind = Object.freeze({
  DEVICE: "device",
  IDENTITY: "identity",
  DISCOVERY: "discovery",
  CERTIFICATE: "certificate",
});

/**
 * One entry. Units: since in seconds since 1970. Sizes: id 16 bytes, reason at most 128 characters.
 *
 * The statement (64 bytes) is the revoked identity's own and stands in entries of that kind alone.
 */
export class Revoked {
  /** @param {{kind: string, id: Uint8Array, since: number, reason: string, statement?: Uint8Array}} fields */
  constructor({ kind, id, since, reason, statement = NOTHING }) {
    Object.assign(this, { kind, id, since, reason, statement });
    Object.freeze(this);
  }

  /** As it stands in the list. */
  toMembers() {
    const members = { kind: this.kind, id: toHex(this.id), since: this.since, reason: this.reason };
    return this.statement.length === 0 ? members : { ...members, statement: encodeBase64(this.statement) };
  }

  /** The entry these members of a list describe. Raises: malformed. */
  static fromMembers(members) {
    const kind = isObject(members) ? member(members, "kind") : undefined;
    if (!Object.values(RevocationKind).includes(kind)) throw new Malformed("revocation of a kind that is none");
    const stated = Object.hasOwn(members, "statement");
    if (stated !== (kind === RevocationKind.IDENTITY)) {
      throw new Malformed("identities are revoked by their own statement, and nothing else is");
    }
    const [id, since, reason] = [text(members, "id"), integer(members, "since"), text(members, "reason")];
    if (!/^[0-9a-f]{32}$/.test(id)) throw new Malformed("revoked id is not 32 hex digits");
    if ([...reason].length > REASON_MAX_CHARACTERS || CONTROL.test(reason)) {
      throw new Malformed(`reason is not a text of at most ${REASON_MAX_CHARACTERS} characters`);
    }
    const statement = stated ? bytes(members, "statement", STATEMENT_BYTES) : NOTHING;
    return new Revoked({ kind, id: fromHex(id), since, reason, statement });
  }
}

/** The order of two entries in a list: by kind, then by id. */
export function byPlace(left, right) {
  const [first, second] = [left, right].map(({ kind, id }) => `${kind} ${toHex(id)}`);
  if (first === second) return 0;
  return first < second ? -1 : 1;
}
