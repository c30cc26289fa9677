/**
 * Proposals: what a commit changes (RFC 9420 12.1), as values; proposal_list.js judges and applies them.
 *
 * RFC 9420 12.1, 12.4
 */

import { concat } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { u8, u16, u32, vector, vectorOf } from "./codec.js";
import { KeyPackage } from "./key_package.js";
import { LeafNode, readExtensions } from "./nodes.js";
import { PreSharedKeyID } from "./psk.js";

/** RFC 9420 17.4; types that are not here are refused. */
export const ProposalType = Object.freeze({
  ADD: 1,
  UPDATE: 2,
  REMOVE: 3,
  PSK: 4,
  REINIT: 5,
  EXTERNAL_INIT: 6,
  GROUP_CONTEXT_EXTENSIONS: 7,
});

/** A client of this key package joins (RFC 9420 12.1.1). */
export class Add {
  kind = ProposalType.ADD;

  /** @param {KeyPackage} keyPackage */
  constructor(keyPackage) {
    this.keyPackage = keyPackage;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), this.keyPackage.encode());
  }
}

/** The sender's leaf is replaced (RFC 9420 12.1.2). Read for the sake of other groups; rooms refuse it. */
export class Update {
  kind = ProposalType.UPDATE;

  /** @param {LeafNode} leafNode */
  constructor(leafNode) {
    this.leafNode = leafNode;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), this.leafNode.encode());
  }
}

/** The member at this leaf index leaves (RFC 9420 12.1.3). */
export class Remove {
  kind = ProposalType.REMOVE;

  /** @param {number} removed */
  constructor(removed) {
    this.removed = removed;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), u32(this.removed));
  }
}

/** A pre-shared key enters the key schedule (RFC 9420 12.1.4). Rooms refuse it. */
export class PreSharedKey {
  kind = ProposalType.PSK;

  /** @param {PreSharedKeyID} psk */
  constructor(psk) {
    this.psk = psk;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), this.psk.encode());
  }
}

/** The group ends and begins again with other parameters (RFC 9420 12.1.5). Rooms refuse it. */
export class ReInit {
  kind = ProposalType.REINIT;

  /** @param {Uint8Array} groupId @param {number} version @param {number} cipherSuite @param {Extension[]} extensions */
  constructor(groupId, version, cipherSuite, extensions) {
    Object.assign(this, { groupId, version, cipherSuite, extensions });
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    const head = concat(u16(this.kind), vector(this.groupId), u16(this.version), u16(this.cipherSuite));
    return concat(head, vectorOf(this.extensions));
  }
}

/** The init secret of an external commit comes out of this KEM output (RFC 9420 12.1.6). */
export class ExternalInit {
  kind = ProposalType.EXTERNAL_INIT;

  /** @param {Uint8Array} kemOutput */
  constructor(kemOutput) {
    this.kemOutput = kemOutput;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), vector(this.kemOutput));
  }
}

/** The complete new list of the group's extensions (RFC 9420 12.1.7). */
export class GroupContextExtensions {
  kind = ProposalType.GROUP_CONTEXT_EXTENSIONS;

  /** @param {Extension[]} extensions */
  constructor(extensions) {
    this.extensions = extensions;
    Object.freeze(this);
  }

  /** Its type and body. */
  encode() {
    return concat(u16(this.kind), vectorOf(this.extensions));
  }
}

/** How the body of each type is read. */
const BODIES = {
  [ProposalType.ADD]: (reader) => new Add(KeyPackage.read(reader)),
  [ProposalType.UPDATE]: (reader) => new Update(LeafNode.read(reader)),
  [ProposalType.REMOVE]: (reader) => new Remove(reader.u32()),
  [ProposalType.PSK]: (reader) => new PreSharedKey(PreSharedKeyID.read(reader)),
  [ProposalType.REINIT]: (reader) => new ReInit(reader.vector(), reader.u16(), reader.u16(), readExtensions(reader)),
  [ProposalType.EXTERNAL_INIT]: (reader) => new ExternalInit(reader.vector()),
  [ProposalType.GROUP_CONTEXT_EXTENSIONS]: (reader) => new GroupContextExtensions(readExtensions(reader)),
};

/**
 * The next proposal with its type.
 *
 * Raises: malformed (a type that is not here, too: what we cannot judge we do not adopt).
 * RFC 9420 12.1
 */
export function readProposal(reader) {
  const kind = reader.u16();
  if (!Object.hasOwn(BODIES, kind)) throw new Malformed(`proposal type ${kind}`);
  return BODIES[kind](reader);
}

const BY_VALUE = 1;
const BY_REFERENCE = 2;

/** One entry of a commit: a proposal by value, or the reference of one that was sent before (RFC 9420 12.4). */
export class ProposalOrRef {
  /** @param {Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions | null} proposal */
  constructor(proposal, reference = null) {
    Object.assign(this, { proposal, reference });
    Object.freeze(this);
  }

  /** The next entry. Raises: malformed. */
  static read(reader) {
    const kind = reader.u8();
    if (kind === BY_VALUE) return new ProposalOrRef(readProposal(reader));
    if (kind === BY_REFERENCE) return new ProposalOrRef(null, reader.vector());
    throw new Malformed(`proposal or reference of kind ${kind}`);
  }

  /** Its kind and content. */
  encode() {
    if (this.proposal) return concat(u8(BY_VALUE), this.proposal.encode());
    return concat(u8(BY_REFERENCE), vector(this.reference));
  }
}
