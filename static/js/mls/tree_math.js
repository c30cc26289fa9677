/**
 * Which node is whose neighbour, in an array-based tree (RFC 9420 appendix C).
 *
 * Leaves stand at even indices, a leaf's node is twice its leaf index, and a tree always has 2**d leaves.
 */

import { UsageError } from "../protocol/errors.js";

/** How high a node stands: 0 is a leaf. */
export function level(node) {
  return 31 - Math.clz32(~node & (node + 1));
}

/** Whether the node is a leaf. */
export function isLeaf(node) {
  return node % 2 === 0;
}

/** How many nodes a tree of so many leaves has. */
export function nodeWidth(leaves) {
  return leaves > 0 ? 2 * leaves - 1 : 0;
}

/** How many leaves a tree of so many nodes has. */
export function leafCount(width) {
  return Math.floor((width + 1) / 2);
}

/** The root of a tree of so many leaves, a power of two. */
export function root(leaves) {
  return leaves - 1;
}

/**
 * The left child.
 *
 * Raises: usage (a leaf).
 */
export function left(node) {
  return node ^ (1 << (levelOfParent(node) - 1));
}

/**
 * The right child.
 *
 * Raises: usage (a leaf).
 */
export function right(node) {
  return node ^ (3 << (levelOfParent(node) - 1));
}

/** The parent in a tree that is large enough to have one. */
export function parent(node) {
  const height = level(node);
  return (node | (1 << height)) & ~(2 << height);
}

/** The other child of the node's parent. */
export function sibling(node) {
  const above = parent(node);
  return node < above ? right(above) : left(above);
}

/** The ancestors from the parent to the root; of the root none (RFC 9420 4.1.1). @returns {number[]} */
export function directPath(node, leaves) {
  const top = root(leaves);
  const path = [];
  for (let at = node; at !== top; ) {
    at = parent(at);
    path.push(at);
  }
  return path;
}

/** The siblings of the node and of its direct path without the root, from the bottom (RFC 9420 4.1.1). */
export function copath(node, leaves) {
  return [node, ...directPath(node, leaves)].slice(0, -1).map(sibling);
}

/** The lowest node above or equal to both. */
export function commonAncestor(one, other) {
  let [here, there] = [one, other];
  while (here !== there) {
    if (level(here) <= level(there)) here = parent(here);
    else there = parent(there);
  }
  return here;
}

function levelOfParent(node) {
  if (isLeaf(node)) throw new UsageError("a leaf has no children");
  return level(node);
}
