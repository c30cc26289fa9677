/**
 * What commits to a tree: the hash of every subtree, and the parent hashes that chain a path's keys together.
 *
 * RFC 9420 7.8, 7.9
 */

import { concat } from "../bytes.js";
import { optional, u8, u32, vector } from "./codec.js";
import { ParentNode } from "./nodes.js";
import * as treeMath from "./tree_math.js";

const LEAF = 1;
const PARENT = 2;

/** The tree hash of the whole tree, as the group context holds it. @returns {Promise<Uint8Array>} */
export async function rootHash(tree) {
  return treeHash(tree, tree.root);
}

/**
 * The tree hash of the subtree at a node, as if the leaves `without` (leaf indices) had never been added.
 *
 * RFC 9420 7.8
 * @param {import("./ratchet_tree.js").RatchetTree} tree @param {number} index @param {number[]} [without]
 */
export async function treeHash(tree, index, without = []) {
  const missing = without.filter((leaf) => isBelow(leaf, index));
  if (missing.length) return hashNode(tree, index, missing);
  tree.hashes[index] ??= await hashNode(tree, index, []);
  return tree.hashes[index];
}

/**
 * What a node below a parent holds as its parent hash; the other child's subtree is that of the time the parent was
 * made, without the leaves that came later.
 *
 * RFC 9420 7.9
 * @param {import("./ratchet_tree.js").RatchetTree} tree @param {ParentNode} above @param {number} otherChild
 */
export async function parentHash(tree, above, otherChild) {
  const sibling = await treeHash(tree, otherChild, above.unmergedLeaves);
  return tree.suite.hash(concat(vector(above.encryptionKey), vector(above.parentHash), vector(sibling)));
}

/**
 * The tree with these public keys on a leaf's filtered direct path and nothing else above it, and the parent hash that
 * the leaf is to hold.
 *
 * RFC 9420 7.5, 7.9
 * @param {import("./ratchet_tree.js").RatchetTree} tree @param {Uint8Array[]} keys one for each node of that path
 */
export async function withPath(tree, leafIndex, keys) {
  const changes = new Map(tree.directPath(leafIndex).map((above) => [above, null]));
  let above = new Uint8Array();
  for (const [place, [index, other]] of [...tree.filteredDirectPath(leafIndex).entries()].reverse()) {
    const node = new ParentNode(keys[place], above, []);
    changes.set(index, node);
    above = await parentHash(tree, node, other);
  }
  return [tree.changed(changes), above];
}

async function hashNode(tree, index, without) {
  const node = tree.node(index);
  if (treeMath.isLeaf(index)) {
    const leaf = node === null || without.length ? null : node.encode();
    return tree.suite.hash(concat(u8(LEAF), u32(index / 2), optional(leaf)));
  }
  const under = [treeMath.left(index), treeMath.right(index)];
  const children = await Promise.all(under.map((child) => treeHash(tree, child, without)));
  const parent = node && stripped(node, without).encode();
  return tree.suite.hash(concat(u8(PARENT), optional(parent), ...children.map(vector)));
}

function stripped({ encryptionKey, parentHash: above, unmergedLeaves }, without) {
  return new ParentNode(
    encryptionKey,
    above,
    unmergedLeaves.filter((leaf) => !without.includes(leaf)),
  );
}

function isBelow(leafIndex, index) {
  const reach = 2 ** treeMath.level(index) - 1;
  return Math.abs(2 * leafIndex - index) <= reach;
}
