/**
 * Commits as they travel: a list of proposals and the path of new keys.
 *
 * RFC 9420 7.6, 12.4
 */

import { concat } from "../bytes.js";
import { optional, vector, vectorOf } from "./codec.js";
import { LeafNode } from "./nodes.js";
import { ProposalOrRef } from "./proposals.js";

/** Something encrypted to one HPKE public key (RFC 9420 7.6). */
export class HPKECiphertext {
  /** @param {Uint8Array} kemOutput @param {Uint8Array} ciphertext */
  constructor(kemOutput, ciphertext) {
    Object.assign(this, { kemOutput, ciphertext });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new HPKECiphertext(reader.vector(), reader.vector());
  }

  /** `kem_output<V> | ciphertext<V>`. */
  encode() {
    return concat(vector(this.kemOutput), vector(this.ciphertext));
  }
}

/** A parent's new public key, and its path secret for everybody below its other child (RFC 9420 7.6). */
export class UpdatePathNode {
  /** @param {Uint8Array} encryptionKey @param {HPKECiphertext[]} encryptedPathSecret */
  constructor(encryptionKey, encryptedPathSecret) {
    Object.assign(this, { encryptionKey, encryptedPathSecret });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new UpdatePathNode(reader.vector(), reader.vectorOf(HPKECiphertext.read));
  }

  /** `encryption_key<V> | encrypted_path_secret<V>`. */
  encode() {
    return concat(vector(this.encryptionKey), vectorOf(this.encryptedPathSecret));
  }
}

/** New keys from the committer's leaf to the root (RFC 9420 7.6). */
export class UpdatePath {
  /** @param {LeafNode} leafNode @param {UpdatePathNode[]} nodes */
  constructor(leafNode, nodes) {
    Object.assign(this, { leafNode, nodes });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new UpdatePath(LeafNode.read(reader), reader.vectorOf(UpdatePathNode.read));
  }

  /** `leaf_node | nodes<V>`. */
  encode() {
    return concat(this.leafNode.encode(), vectorOf(this.nodes));
  }
}

/** What begins the next epoch (RFC 9420 12.4). Every commit of ours has a path; others' may come without one. */
export class Commit {
  /** @param {ProposalOrRef[]} proposals @param {UpdatePath | null} path */
  constructor(proposals, path) {
    Object.assign(this, { proposals, path });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. */
  static read(reader) {
    return new Commit(reader.vectorOf(ProposalOrRef.read), reader.optional(UpdatePath.read));
  }

  /** `proposals<V> | optional path`. */
  encode() {
    return concat(vectorOf(this.proposals), optional(this.path && this.path.encode()));
  }
}
