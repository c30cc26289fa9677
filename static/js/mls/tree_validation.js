/**
 * Whether a tree may be a group's: leaves that fit the group, keys that are there once, parents that somebody made.
 *
 * Everything here depends on the tree and the group context alone: no time (lifetimes are trust, protocol.md 4.10).
 * RFC 9420 7.3, 7.9.2, 12.4.3.1
 */

import { sameBytes } from "../bytes.js";
import { Reader } from "./codec.js";
import { Invalid } from "./errors.js";
import { ExtensionType, findExtension } from "./nodes.js";
import { parentHash } from "./tree_hash.js";
import * as treeMath from "./tree_math.js";

/** RFC 9420 7.2: every client knows the extension types up to here, and lists none of them. */
const DEFAULT_EXTENSIONS = 5;

/** What every member of a group must know: the numbers of its required_capabilities, and what is in use. */
export class Needs {
  /** @param {number[]} extensions @param {number[]} proposals @param {number[]} credentials */
  constructor(extensions, proposals, credentials) {
    Object.assign(this, { extensions, proposals, credentials });
    Object.freeze(this);
  }

  /**
   * The needs of a group with these members and these extensions in its context.
   *
   * Raises: malformed (required_capabilities).
   * RFC 9420 7.2, 7.3, 11.1
   * @param {import("./ratchet_tree.js").RatchetTree} tree @param {import("./nodes.js").Extension[]} extensions
   */
  static of(tree, extensions) {
    const used = extensions.map((each) => each.extensionType);
    const listed = findExtension(extensions, ExtensionType.REQUIRED_CAPABILITIES);
    const required = listed ? readRequired(listed) : [[], [], []];
    const inUse = tree.leaves().map(({ leaf }) => leaf.credential.credentialType);
    return new Needs(ownKinds([...used, ...required[0]]), required[1], [...new Set([...required[2], ...inUse])]);
  }

  /** Nothing, when this leaf's client knows them all. Raises: invalid (capabilities). */
  check({ capabilities }) {
    for (const list of ["extensions", "proposals", "credentials"]) {
      if (!isSubset(this[list], capabilities[list])) throw new Invalid("capabilities");
    }
  }
}

/**
 * Nothing, when all members know what the group needs and no key is there twice.
 *
 * Raises: invalid (capabilities, encryption-key-twice, signature-key-twice); malformed (required_capabilities).
 * RFC 9420 7.3
 */
export function checkMembers(tree, extensions) {
  const needs = Needs.of(tree, extensions);
  for (const { leaf } of tree.leaves()) needs.check(leaf);
  checkKeysDistinct(tree);
}

/**
 * Nothing, when no two nodes have one encryption key and no two leaves one signature key.
 *
 * Raises: invalid (encryption-key-twice, signature-key-twice).
 * RFC 9420 7.3, 12.4.3.1
 */
export function checkKeysDistinct(tree) {
  const encryptionKeys = tree.nodes.flatMap((node) => (node ? [node.encryptionKey] : []));
  const signatureKeys = tree.leaves().map(({ leaf }) => leaf.signatureKey);
  if (hasTwice(encryptionKeys)) throw new Invalid("encryption-key-twice");
  if (hasTwice(signatureKeys)) throw new Invalid("signature-key-twice");
}

/**
 * Nothing, when a leaf that comes into the tree is sound in itself; its signature is checked elsewhere.
 *
 * Raises: invalid (leaf-source, capabilities); malformed (its key).
 * RFC 9420 7.3
 */
export function checkLeaf(tree, leaf, source) {
  if (leaf.leafNodeSource !== source) throw new Invalid("leaf-source");
  checkOwnExtensions(leaf);
  tree.suite.checkPublicKey(leaf.encryptionKey);
}

/**
 * Nothing, when every node of a tree from outside is what its members once made.
 *
 * Raises: unauthentic (a leaf's signature); malformed (a key); invalid (capabilities, unmerged-leaves, parent-hash).
 * RFC 9420 12.4.3.1
 */
export async function verifyTree(tree, groupId) {
  for (const { index, leaf } of tree.leaves()) {
    await leaf.verify(tree.suite, groupId, index);
    checkOwnExtensions(leaf);
  }
  for (const node of tree.nodes) if (node) tree.suite.checkPublicKey(node.encryptionKey);
  for (let index = 1; index < tree.nodes.length; index += 2) {
    const parent = tree.parent(index);
    if (!parent) continue;
    checkUnmergedLeaves(tree, index, parent);
    await checkParentHash(tree, index, parent);
  }
}

function checkUnmergedLeaves(tree, index, { unmergedLeaves }) {
  if (unmergedLeaves.some((leaf, place) => place > 0 && unmergedLeaves[place - 1] >= leaf)) {
    throw new Invalid("unmerged-leaves", "not in ascending order");
  }
  for (const leaf of unmergedLeaves) {
    const path = tree.leaf(leaf) ? tree.directPath(leaf) : [];
    if (!path.includes(index)) throw new Invalid("unmerged-leaves", "not a member below");
    const between = path.slice(0, path.indexOf(index)).map((below) => tree.parent(below));
    if (between.some((node) => node && !node.unmergedLeaves.includes(leaf))) {
      throw new Invalid("unmerged-leaves", "a parent between does not name it");
    }
  }
}

/** RFC 9420 7.9.2: some node below, made together with this one, holds the hash of this one. */
async function checkParentHash(tree, index, parent) {
  const children = [treeMath.left(index), treeMath.right(index)];
  for (const [child, other] of [children, [...children].reverse()]) {
    const madeWith = tree.resolution(child).filter((below) => !parent.unmergedLeaves.includes(below / 2));
    // All of the resolution but one came later, or this child is not the one.
    if (madeWith.length !== 1) continue;
    const held = tree.node(madeWith[0]).parentHash;
    if (held?.length && sameBytes(held, await parentHash(tree, parent, other))) return;
  }
  throw new Invalid("parent-hash");
}

function checkOwnExtensions({ extensions, capabilities, credential }) {
  const own = ownKinds(extensions.map((each) => each.extensionType));
  if (!isSubset(own, capabilities.extensions) || !capabilities.credentials.includes(credential.credentialType)) {
    throw new Invalid("capabilities");
  }
}

function ownKinds(types) {
  return [...new Set(types)].filter((kind) => kind > DEFAULT_EXTENSIONS);
}

function hasTwice(keys) {
  return new Set(keys.map((key) => String.fromCharCode.apply(null, key))).size < keys.length;
}

function isSubset(some, all) {
  return some.every((each) => all.includes(each));
}

function readRequired(data) {
  const reader = new Reader(data);
  const lists = [0, 1, 2].map(() => reader.vectorOf((each) => each.u16()));
  reader.end();
  return lists;
}
