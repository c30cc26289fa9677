/**
 * The ratchet tree: every member's leaf, the public keys above them, and how proposals and commits change them.
 *
 * A tree is a value: every change gives a new one that shares its nodes, and the hashes of the subtrees that stayed.
 * RFC 9420 4.1, 7.7, 7.8
 */

import { Malformed } from "../protocol/errors.js";
import { Reader, vectorOf } from "./codec.js";
import { Invalid } from "./errors.js";
import { encodeNode, LeafNode, ParentNode, readNode } from "./nodes.js";
import * as treeMath from "./tree_math.js";

/** Places for leaves, blank ones included: more than any room needs, and few enough to hash in a moment. */
export const MAX_LEAVES = 4096;

/** A member: its leaf index and its leaf. */
export class Leaf {
  /** @param {number} index @param {LeafNode} leaf */
  constructor(index, leaf) {
    Object.assign(this, { index, leaf });
    Object.freeze(this);
  }
}

/** Nodes by index, always those of a full binary tree; null is a blank node. */
export class RatchetTree {
  /** @param {import("./suite.js").CipherSuite} suite @param {(LeafNode | ParentNode | null)[]} nodes */
  constructor(suite, nodes, hashes = new Array(nodes.length).fill(null)) {
    // What tree_hash.js has computed so far is a cache, so a tree stays a value.
    Object.assign(this, { suite, nodes: Object.freeze(nodes), hashes });
    Object.freeze(this);
  }

  /** The tree of a new group (RFC 9420 11). */
  static ofOne(suite, leaf) {
    return new RatchetTree(suite, [leaf]);
  }

  /**
   * The next tree in the form of the ratchet_tree extension.
   *
   * Raises: malformed (no node, too many, a last one that is no leaf, a parent in a leaf's place).
   * RFC 9420 12.4.3.3
   */
  static read(suite, reader) {
    const nodes = reader.vectorOf(readNode);
    if (nodes.length > treeMath.nodeWidth(MAX_LEAVES)) throw new Malformed(`a ratchet tree of ${nodes.length} nodes`);
    // A parent there has nobody below its right half: such a tree would be narrower when it is read again.
    if (!(nodes.at(-1) instanceof LeafNode)) throw new Malformed("a ratchet tree ends in a leaf");
    if (nodes.some((node, index) => node && node instanceof LeafNode !== treeMath.isLeaf(index))) {
      throw new Malformed("leaves stand at even places, parents at odd ones");
    }
    let leaves = 1;
    while (treeMath.nodeWidth(leaves) < nodes.length) leaves *= 2;
    return new RatchetTree(suite, [...nodes, ...blanks(treeMath.nodeWidth(leaves) - nodes.length)]);
  }

  /** The tree in these bytes and nothing else. Raises: malformed. */
  static parse(suite, data) {
    const reader = new Reader(data);
    const tree = RatchetTree.read(suite, reader);
    reader.end();
    return tree;
  }

  /** The form of the ratchet_tree extension: all nodes up to the last that is not blank. */
  encode() {
    const count = this.nodes.findLastIndex((node) => node !== null) + 1;
    return vectorOf(this.nodes.slice(0, count).map(encodeNode));
  }

  /** How many places for leaves there are, blank ones included; a power of two. */
  get leafCount() {
    return treeMath.leafCount(this.nodes.length);
  }

  /** The node index of the root. */
  get root() {
    return treeMath.root(this.leafCount);
  }

  /** The node at a node index of this tree. @returns {LeafNode | ParentNode | null} */
  node(index) {
    return this.nodes[index];
  }

  /** Whether there is a node at a node index, of this tree or not. */
  has(index) {
    return Boolean(this.nodes[index]);
  }

  /** The parent node at an odd node index. @returns {ParentNode | null} */
  parent(index) {
    const node = this.nodes[index];
    return node instanceof ParentNode ? node : null;
  }

  /** The leaf at a leaf index, of this tree or not. @returns {LeafNode | null} */
  leaf(index) {
    return this.nodes[2 * index] ?? null;
  }

  /** The leaf at a leaf index. Raises: invalid (leaf-blank: nobody is there). @returns {LeafNode} */
  member(index) {
    const leaf = this.leaf(index);
    if (!leaf) throw new Invalid("leaf-blank", `no member at leaf ${index}`);
    return leaf;
  }

  /** All members from the left. @returns {Leaf[]} */
  leaves() {
    return this.nodes.flatMap((node, index) => (node instanceof LeafNode ? [new Leaf(index / 2, node)] : []));
  }

  /** The node indices above a leaf, from the bottom (RFC 9420 4.1.1). @returns {number[]} */
  directPath(leafIndex) {
    return treeMath.directPath(2 * leafIndex, this.leafCount);
  }

  /** The node indices that together reach every member below a node (RFC 9420 4.1.1). @returns {number[]} */
  resolution(index) {
    const node = this.nodes[index];
    if (node) return [index, ...(node.unmergedLeaves ?? []).map((leaf) => 2 * leaf)];
    if (treeMath.isLeaf(index)) return [];
    return [...this.resolution(treeMath.left(index)), ...this.resolution(treeMath.right(index))];
  }

  /**
   * Each node above a leaf whose other child has somebody below it, with that child (RFC 9420 4.1.2).
   * @returns {[number, number][]}
   */
  filteredDirectPath(leafIndex) {
    const others = treeMath.copath(2 * leafIndex, this.leafCount);
    return this.directPath(leafIndex)
      .map((above, place) => [above, others[place]])
      .filter(([, other]) => this.resolution(other).length > 0);
  }

  /**
   * The tree with a blank place for a leaf, twice as wide if it must, and the leaf index of the leftmost one.
   * @returns {[RatchetTree, number]}
   */
  withPlace() {
    const free = this.nodes.findIndex((node, at) => node === null && treeMath.isLeaf(at));
    if (free < 0 && this.leafCount === MAX_LEAVES) throw new Invalid("tree-full");
    return free < 0 ? [this.#extended(), this.leafCount] : [this, free / 2];
  }

  /**
   * The tree with a leaf more, in the leftmost blank place, and its leaf index (RFC 9420 7.7, 12.1.1).
   * @returns {[RatchetTree, number]}
   */
  add(leaf) {
    const [tree, index] = this.withPlace();
    const changes = new Map([[2 * index, leaf]]);
    for (const above of tree.directPath(index)) {
      const node = tree.parent(above);
      if (!node) continue;
      const unmerged = [...node.unmergedLeaves, index].sort((one, other) => one - other);
      changes.set(above, new ParentNode(node.encryptionKey, node.parentHash, unmerged));
    }
    return [tree.changed(changes), index];
  }

  /** The tree with another leaf in a member's place, and nothing above it (RFC 9420 12.1.2). */
  update(leafIndex, leaf) {
    return this.changed(new Map([...this.directPath(leafIndex).map((above) => [above, null]), [2 * leafIndex, leaf]]));
  }

  /** The tree without a member and with nothing above it; right halves that are empty go (RFC 9420 12.1.3). */
  remove(leafIndex) {
    const { suite, nodes, hashes } = this.update(leafIndex, null);
    let width = nodes.length;
    while (width > 1 && nodes.slice((width + 1) / 2, width).every((node) => node === null)) width = (width - 1) / 2;
    return new RatchetTree(suite, nodes.slice(0, width), hashes.slice(0, width));
  }

  /** The tree with these nodes in these places. @param {Map<number, LeafNode | ParentNode | null>} changes */
  changed(changes) {
    const [nodes, hashes] = [[...this.nodes], [...this.hashes]];
    for (const [index, node] of changes) {
      nodes[index] = node;
      for (const stale of [index, ...treeMath.directPath(index, this.leafCount)]) hashes[stale] = null;
    }
    return new RatchetTree(this.suite, nodes, hashes);
  }

  #extended() {
    const more = blanks(this.nodes.length + 1);
    return new RatchetTree(this.suite, [...this.nodes, ...more], [...this.hashes, ...more]);
  }
}

function blanks(count) {
  return new Array(count).fill(null);
}
