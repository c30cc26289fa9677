/** What stands in a ratchet tree: leaf nodes and parent nodes (RFC 9420 7.1, 7.2). */

import { concat } from "../bytes.js";
import { Malformed, UsageError } from "../protocol/errors.js";
import { Capabilities, Credential, Lifetime, readExtensions } from "./_node_parts.js";
import { optional, u8, u32, vector, vectorOf } from "./codec.js";
import { LEAF_NODE_TBS } from "./labels.js";

export {
  Capabilities,
  Credential,
  CredentialType,
  Extension,
  ExtensionType,
  findExtension,
  Lifetime,
  readExtensions,
} from "./_node_parts.js";

export const VERSION = 1;

/** How a leaf came into the tree. */
export const LeafNodeSource = Object.freeze({ KEY_PACKAGE: 1, UPDATE: 2, COMMIT: 3 });

/** What is in a place of the ratchet tree (RFC 9420 7.8). */
export const NodeType = Object.freeze({ LEAF: 1, PARENT: 2 });

/** One device (RFC 9420 7.2). `lifetime` belongs to source key_package, `parentHash` to source commit. */
export class LeafNode {
  /**
   * @param {Uint8Array} encryptionKey
   * @param {Uint8Array} signatureKey
   * @param {Credential} credential
   * @param {Capabilities} capabilities
   * @param {number} leafNodeSource
   * @param {Lifetime | null} lifetime
   * @param {Uint8Array | null} parentHash
   * @param {readonly import("./_node_parts.js").Extension[]} extensions
   * @param {Uint8Array} signature
   */
  constructor(
    encryptionKey,
    signatureKey,
    credential,
    capabilities,
    leafNodeSource,
    lifetime,
    parentHash,
    extensions,
    signature,
  ) {
    Object.assign(this, { encryptionKey, signatureKey, credential, capabilities, leafNodeSource });
    Object.assign(this, { lifetime, parentHash, extensions, signature });
    Object.freeze(this);
  }

  /** Raises: malformed. @param {import("./codec.js").Reader} reader */
  static read(reader) {
    const [encryptionKey, signatureKey] = [reader.vector(), reader.vector()];
    const [credential, capabilities, source] = [Credential.read(reader), Capabilities.read(reader), reader.u8()];
    if (!Object.values(LeafNodeSource).includes(source)) throw new Malformed(`leaf node source ${source}`);
    const lifetime = source === LeafNodeSource.KEY_PACKAGE ? Lifetime.read(reader) : null;
    const parentHash = source === LeafNodeSource.COMMIT ? reader.vector() : null;
    return new LeafNode(
      encryptionKey,
      signatureKey,
      credential,
      capabilities,
      source,
      lifetime,
      parentHash,
      readExtensions(reader),
      reader.vector(),
    );
  }

  /** The signed fields and signature<V>. */
  encode() {
    return concat(this.#fields(), vector(this.signature));
  }

  /**
   * Nothing, when the leaf's own key signed it, for this place unless it is of a key package.
   *
   * Raises: unauthentic.
   */
  async verify(suite, groupId, leafIndex) {
    const content = this.#tbs(groupId, leafIndex);
    await suite.verifyWithLabel(this.signatureKey, LEAF_NODE_TBS, content, this.signature);
  }

  /** The same leaf, signed for this place; group id and index do not matter for that of a key package. */
  async sign(suite, signer, groupId, leafIndex) {
    return new LeafNode(
      this.encryptionKey,
      this.signatureKey,
      this.credential,
      this.capabilities,
      this.leafNodeSource,
      this.lifetime,
      this.parentHash,
      this.extensions,
      await suite.signWithLabel(signer, LEAF_NODE_TBS, this.#tbs(groupId, leafIndex)),
    );
  }

  /**
   * encryption_key<V> | signature_key<V> | credential | capabilities | u8 source | lifetime or parent_hash<V>
   * | extensions<V>
   */
  #fields() {
    return concat(
      vector(this.encryptionKey),
      vector(this.signatureKey),
      this.credential.encode(),
      this.capabilities.encode(),
      u8(this.leafNodeSource),
      this.#ofSource(),
      vectorOf(this.extensions),
    );
  }

  #ofSource() {
    const { leafNodeSource, lifetime, parentHash } = this;
    if (leafNodeSource === LeafNodeSource.KEY_PACKAGE && lifetime !== null) return lifetime.encode();
    if (leafNodeSource === LeafNodeSource.COMMIT && parentHash !== null) return vector(parentHash);
    if (leafNodeSource === LeafNodeSource.UPDATE) return new Uint8Array();
    throw new UsageError("a leaf of a key package has a lifetime, one of a commit a parent hash");
  }

  #tbs(groupId, leafIndex) {
    if (this.leafNodeSource === LeafNodeSource.KEY_PACKAGE) return this.#fields();
    return concat(this.#fields(), vector(groupId), u32(leafIndex));
  }
}

/** RFC 9420 7.1. `unmergedLeaves` are leaf indices, ascending. */
export class ParentNode {
  /** @param {Uint8Array} encryptionKey @param {Uint8Array} parentHash @param {readonly number[]} unmergedLeaves */
  constructor(encryptionKey, parentHash, unmergedLeaves) {
    this.encryptionKey = encryptionKey;
    this.parentHash = parentHash;
    this.unmergedLeaves = unmergedLeaves;
    Object.freeze(this);
  }

  /** Raises: malformed (unmerged leaves that do not ascend). @param {import("./codec.js").Reader} reader */
  static read(reader) {
    const [encryptionKey, parentHash] = [reader.vector(), reader.vector()];
    const unmerged = reader.vectorOf((inner) => inner.u32());
    if (unmerged.some((leaf, index) => index > 0 && unmerged[index - 1] >= leaf)) {
      throw new Malformed("unmerged leaves do not ascend");
    }
    return new ParentNode(encryptionKey, parentHash, unmerged);
  }

  /** encryption_key<V> | parent_hash<V> | unmerged_leaves<V>. */
  encode() {
    return concat(vector(this.encryptionKey), vector(this.parentHash), vectorOf(this.unmergedLeaves.map(u32)));
  }
}

/**
 * What is in one place of the tree, null when it is blank (RFC 9420 7.8, optional<Node>).
 *
 * Raises: malformed.
 * @param {import("./codec.js").Reader} reader @returns {LeafNode | ParentNode | null}
 */
export function readNode(reader) {
  return reader.optional(readPresentNode);
}

/** optional<Node>: 0, or 1 | u8 node_type | leaf or parent. @param {LeafNode | ParentNode | null} node */
export function encodeNode(node) {
  if (node === null) return optional(null);
  const nodeType = node instanceof LeafNode ? NodeType.LEAF : NodeType.PARENT;
  return optional(concat(u8(nodeType), node.encode()));
}

function readPresentNode(reader) {
  const nodeType = reader.u8();
  if (nodeType === NodeType.LEAF) return LeafNode.read(reader);
  if (nodeType === NodeType.PARENT) return ParentNode.read(reader);
  throw new Malformed(`node type ${nodeType}`);
}
