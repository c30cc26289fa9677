/**
 * GroupInfo: a group's public state, signed by a member, for those who are about to join.
 *
 * RFC 9420 12.4.3
 */

import { concat, sameBytes } from "../bytes.js";
import { Reader, u32, vector, vectorOf } from "./codec.js";
import { Invalid } from "./errors.js";
import { GroupContext } from "./key_schedule.js";
import { GROUP_INFO_TBS } from "./labels.js";
import { Extension, ExtensionType, findExtension, readExtensions } from "./nodes.js";
import { RatchetTree } from "./ratchet_tree.js";
import { rootHash } from "./tree_hash.js";

/** RFC 9420 12.4.3. `signer` is a leaf index. */
export class GroupInfo {
  /**
   * @param {GroupContext} groupContext
   * @param {readonly Extension[]} extensions
   * @param {Uint8Array} confirmationTag
   * @param {number} signer
   * @param {Uint8Array} [signature]
   */
  constructor(groupContext, extensions, confirmationTag, signer, signature = new Uint8Array()) {
    Object.assign(this, { groupContext, extensions, confirmationTag, signer, signature });
    Object.freeze(this);
  }

  /** The next one. Raises: malformed. @param {Reader} reader */
  static read(reader) {
    const [context, extensions] = [GroupContext.read(reader), readExtensions(reader)];
    return new GroupInfo(context, extensions, reader.vector(), reader.u32(), reader.vector());
  }

  /** The one in these bytes and nothing else. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const groupInfo = GroupInfo.read(reader);
    reader.end();
    return groupInfo;
  }

  /** `group_context | extensions<V> | confirmation_tag<V> | u32 signer | signature<V>`. */
  encode() {
    return concat(this.#tbs(), vector(this.signature));
  }

  /** The same, signed. */
  async sign(suite, signer) {
    const signature = await suite.signWithLabel(signer, GROUP_INFO_TBS, this.#tbs());
    return new GroupInfo(this.groupContext, this.extensions, this.confirmationTag, this.signer, signature);
  }

  /** Nothing, when this key signed it. Raises: unauthentic. */
  async verify(suite, signatureKey) {
    await suite.verifyWithLabel(signatureKey, GROUP_INFO_TBS, this.#tbs(), this.signature);
  }

  /**
   * The group's tree, from the extension or as it was given beside it, when its hash is the context's and the signer in
   * it signed this.
   *
   * Raises: invalid (no-tree, tree-hash, leaf-blank); malformed; unauthentic.
   * RFC 9420 12.4.3.1
   * @param {Uint8Array | null} [given]
   */
  async tree(suite, given = null) {
    const encoded = given ?? findExtension(this.extensions, ExtensionType.RATCHET_TREE);
    if (!encoded) throw new Invalid("no-tree");
    const tree = RatchetTree.parse(suite, encoded);
    if (!sameBytes(await rootHash(tree), this.groupContext.treeHash)) throw new Invalid("tree-hash");
    await this.verify(suite, tree.member(this.signer).signatureKey);
    return tree;
  }

  /**
   * What an external commit is made to.
   *
   * Raises: invalid (no-external-pub); malformed.
   * RFC 9420 12.4.3.2
   */
  externalPub() {
    const data = findExtension(this.extensions, ExtensionType.EXTERNAL_PUB);
    if (!data) throw new Invalid("no-external-pub");
    const reader = new Reader(data);
    const key = reader.vector();
    reader.end();
    return key;
  }

  #tbs() {
    const context = this.groupContext.encode();
    return concat(context, vectorOf(this.extensions), vector(this.confirmationTag), u32(this.signer));
  }
}

/** The extension of a GroupInfo that lets others join by themselves (RFC 9420 12.4.3.2). */
export function externalPubExtension(key) {
  return new Extension(ExtensionType.EXTERNAL_PUB, vector(key));
}

/** The extension of a GroupInfo that carries the whole tree (RFC 9420 12.4.3.3). */
export function ratchetTreeExtension(tree) {
  return new Extension(ExtensionType.RATCHET_TREE, tree.encode());
}
