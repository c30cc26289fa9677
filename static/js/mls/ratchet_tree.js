/**
 * The ratchet tree (RFC 9420 4.1, 7): the members' leaves and the keys of the nodes above them, as one immutable value.
 *
 * Nodes are numbered as in appendix C. A change gives another tree that shares its nodes, and the hashes of every
 * subtree it did not touch, with the one it came from.
 */

import { concat } from "../bytes.js";
import { Malformed } from "../protocol/errors.js";
import { checkTree } from "./_tree_checks.js";
import { optional, Reader, u8, u32, vector, vectorOf } from "./codec.js";
import { LeafNode, ParentNode } from "./nodes.js";
import { copath, directPath, isLeaf, left, level, right, root } from "./tree_math.js";

const LEAF = 1;
const PARENT = 2;

export class RatchetTree {
  #nodes;
  /** Tree hashes by node, as far as they were asked for. */
  #hashes;

  /** @param {(LeafNode | ParentNode | null)[]} nodes 2^k - 1 of them */
  constructor(nodes, hashes = []) {
    this.#nodes = nodes;
    this.#hashes = hashes;
  }

  // Bytes

  /** The tree of a `ratchet_tree` extension (RFC 9420 12.4.3.3). Raises: malformed (its shape; keys: see `verify`). */
  static read(data) {
    const reader = new Reader(data);
    const nodes = reader.vectorOf((each) => each.optional(readNode));
    reader.end();
    if (!nodes.length || nodes.at(-1) === null) throw new Malformed("a ratchet tree that ends in a blank node");
    if (nodes.some((node, index) => node && node instanceof LeafNode !== isLeaf(index))) {
      throw new Malformed("a leaf and a parent node change places");
    }
    let width = 1;
    while (width < nodes.length) width = 2 * width + 1;
    return new RatchetTree([...nodes, ...new Array(width - nodes.length).fill(null)]);
  }

  /** The content of a `ratchet_tree` extension: blank nodes at the right end are left out. */
  encode() {
    const count = this.#nodes.findLastIndex((node) => node !== null) + 1;
    return vectorOf(this.#nodes.slice(0, count).map((node) => optional(node && encodeNode(node))));
  }

  // Reading

  /** How many leaves there are, blank ones included: a power of two. */
  get leafCount() {
    return (this.#nodes.length + 1) / 2;
  }

  /** A node, or null when it is blank or beyond the tree. @returns {LeafNode | ParentNode | null} */
  node(index) {
    return this.#nodes[index] ?? null;
  }

  /** A leaf by its index, or null. @returns {LeafNode | null} */
  leaf(index) {
    return this.node(2 * index);
  }

  /** Every leaf that is not blank. @returns {[number, LeafNode][]} leaf index and leaf, ascending */
  leaves() {
    return this.#nodes.flatMap((node, index) => (node && isLeaf(index) ? [[index / 2, node]] : []));
  }

  /** The nodes whose keys together reach every member under a node (RFC 9420 4.1.1). @returns {number[]} */
  resolution(index) {
    const node = this.#nodes[index];
    if (node) return [index, ...(isLeaf(index) ? [] : node.unmergedLeaves.map((leaf) => 2 * leaf))];
    return isLeaf(index) ? [] : [...this.resolution(left(index)), ...this.resolution(right(index))];
  }

  /** The nodes above a leaf that get a key by its path, each with its child beside the path (RFC 9420 4.1.2). */
  filteredDirectPath(leafIndex) {
    const beside = copath(2 * leafIndex, this.leafCount);
    return directPath(2 * leafIndex, this.leafCount)
      .map((node, place) => [node, beside[place]])
      .filter(([, child]) => this.resolution(child).length > 0);
  }

  // Changes

  /** With a leaf on the leftmost blank place (RFC 9420 7.7, 12.1.1). @returns {[RatchetTree, number]} and its index */
  add(leaf) {
    const free = this.#nodes.findIndex((node, index) => node === null && isLeaf(index));
    const index = free < 0 ? this.#nodes.length + 1 : free;
    const tree = free < 0 ? this.#doubled() : this;
    const changes = new Map([[index, leaf]]);
    for (const above of directPath(index, tree.leafCount)) {
      const node = tree.#nodes[above];
      if (node) changes.set(above, node.withUnmerged(insert(node.unmergedLeaves, index / 2)));
    }
    return [tree.#with(changes), index / 2];
  }

  /** With another leaf in a member's place and the nodes above it blank (RFC 9420 12.1.2). */
  update(leafIndex, leaf) {
    const blanks = directPath(2 * leafIndex, this.leafCount).map((node) => [node, null]);
    return this.#with(new Map([[2 * leafIndex, leaf], ...blanks]));
  }

  /** Without a member; the tree shrinks while its right half is empty (RFC 9420 7.7, 12.1.3). */
  remove(leafIndex) {
    const tree = this.update(leafIndex, null);
    let { length } = tree.#nodes;
    while (length > 1 && tree.#nodes.slice((length + 1) / 2, length).every((node) => node === null)) {
      length = (length - 1) / 2;
    }
    return new RatchetTree(tree.#nodes.slice(0, length), tree.#hashes.slice(0, length));
  }

  /** With another leaf in a member's place and nothing else changed. */
  withLeaf(leafIndex, leaf) {
    return this.#with(new Map([[2 * leafIndex, leaf]]));
  }

  /**
   * With the keys of a path above a leaf, parent hashes included, and the rest of its direct path blank (RFC 9420 7.5).
   * @param {Uint8Array[]} keys for the filtered direct path, from the bottom
   * @returns {Promise<[RatchetTree, Uint8Array]>} and the parent hash that the leaf has to carry
   */
  async setPath(suite, leafIndex, keys) {
    const path = this.filteredDirectPath(leafIndex);
    let tree = this.update(leafIndex, this.leaf(leafIndex));
    let parentHash = new Uint8Array();
    for (const [place, [node, child]] of [...path.entries()].reverse()) {
      tree = tree.#with(new Map([[node, new ParentNode(keys[place], parentHash, [])]]));
      parentHash = await tree.parentHash(suite, node, child);
    }
    return [tree, parentHash];
  }

  // Hashes

  /** The hash of everything under a node (RFC 9420 7.8). @returns {Promise<Uint8Array>} */
  async treeHash(suite, index) {
    this.#hashes[index] ??= await this.#hash(suite, index, (child) => this.treeHash(suite, child));
    return this.#hashes[index];
  }

  /** The hash of the whole tree. */
  async rootHash(suite) {
    return this.treeHash(suite, root(this.leafCount));
  }

  /** What a node's child on the path carries as parent hash, `child` being the other one (RFC 9420 7.9). */
  async parentHash(suite, index, child) {
    const { encryptionKey, parentHash, unmergedLeaves } = this.#nodes[index];
    const sibling = await this.#hashWithout(suite, child, new Set(unmergedLeaves));
    return suite.hash(concat(vector(encryptionKey), vector(parentHash), vector(sibling)));
  }

  /** The tree hash as it was before these leaves came. */
  async #hashWithout(suite, index, missing) {
    const [first, last] = leavesUnder(index);
    const touched = [...missing].some((leaf) => first <= leaf && leaf <= last);
    if (!touched) return this.treeHash(suite, index);
    return this.#hash(suite, index, (child) => this.#hashWithout(suite, child, missing), missing);
  }

  async #hash(suite, index, hashOf, missing = new Set()) {
    const node = this.#nodes[index];
    if (isLeaf(index)) {
      const leaf = node && !missing.has(index / 2) ? node.encode() : null;
      return suite.hash(concat(u8(LEAF), u32(index / 2), optional(leaf)));
    }
    const parent = node && node.withUnmerged(node.unmergedLeaves.filter((leaf) => !missing.has(leaf))).encode();
    const children = await Promise.all([left(index), right(index)].map(hashOf));
    return suite.hash(concat(u8(PARENT), optional(parent), ...children.map(vector)));
  }

  /** Every check a newcomer makes of a tree it was given (RFC 9420 12.4.3.1). Raises: invalid, unauthentic. */
  async verify(suite, groupId) {
    await checkTree(this, suite, groupId);
  }

  // Internal

  #with(changes) {
    const [nodes, hashes] = [this.#nodes.slice(), this.#hashes.slice()];
    for (const [index, node] of changes) {
      nodes[index] = node;
      for (const stale of [index, ...directPath(index, this.leafCount)]) hashes[stale] = undefined;
    }
    return new RatchetTree(nodes, hashes);
  }

  #doubled() {
    return new RatchetTree([...this.#nodes, ...new Array(this.#nodes.length + 1).fill(null)], this.#hashes.slice());
  }
}

function readNode(reader) {
  const kind = reader.u8();
  if (kind === LEAF) return LeafNode.read(reader);
  if (kind === PARENT) return ParentNode.read(reader);
  throw new Malformed(`node of kind ${kind}`);
}

function encodeNode(node) {
  return concat(u8(node instanceof LeafNode ? LEAF : PARENT), node.encode());
}

function insert(leaves, leaf) {
  return [...leaves, leaf].sort((one, other) => one - other);
}

function leavesUnder(node) {
  const reach = 2 ** level(node) - 1;
  return [(node - reach) / 2, (node + reach) / 2];
}
