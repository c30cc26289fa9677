import assert from "node:assert/strict";
import { test } from "node:test";

import * as treeMath from "../../../static/js/mls/tree_math.js";
import { refuses } from "../protocol/people.js";

// The tree of RFC 9420 appendix C: eight leaves.
const LEAVES = 8;

test("neighbours are those of the picture in appendix C", () => {
  assert.equal(treeMath.root(LEAVES), 7);
  assert.deepEqual([1, 5, 3, 7].map(treeMath.left), [0, 4, 1, 3]);
  assert.deepEqual([1, 5, 3, 7].map(treeMath.right), [2, 6, 5, 11]);
  assert.deepEqual([0, 2, 1, 5, 3, 11, 14].map(treeMath.parent), [1, 1, 3, 3, 7, 7, 13]);
  assert.deepEqual([0, 2, 1, 11, 14].map(treeMath.sibling), [2, 0, 5, 3, 12]);
  assert.deepEqual([0, 1, 3, 7, 11, 13].map(treeMath.level), [0, 1, 2, 3, 2, 1]);
  assert.deepEqual([0, 1, 2, 7].map(treeMath.isLeaf), [true, false, true, false]);
});

test("the widths of trees and their leaves belong together", () => {
  assert.deepEqual([0, 1, 2, 8].map(treeMath.nodeWidth), [0, 1, 3, 15]);
  assert.deepEqual([0, 1, 3, 15].map(treeMath.leafCount), [0, 1, 2, 8]);
});

test("a path leads to the root, and beside it stands the copath", () => {
  assert.deepEqual(treeMath.directPath(10, LEAVES), [9, 11, 7]);
  assert.deepEqual(treeMath.copath(10, LEAVES), [8, 13, 3]);
  assert.deepEqual([treeMath.directPath(7, LEAVES), treeMath.copath(7, LEAVES)], [[], []]);
  assert.deepEqual([treeMath.directPath(0, 1), treeMath.copath(0, 1)], [[], []]);
});

test("two nodes meet in the lowest node above both", () => {
  for (const [one, other, meeting] of [
    [0, 2, 1],
    [0, 14, 7],
    [4, 6, 5],
    [4, 0, 3],
    [2, 2, 2],
    [3, 0, 3],
  ]) {
    assert.equal(treeMath.commonAncestor(one, other), meeting);
    assert.equal(treeMath.commonAncestor(other, one), meeting);
  }
});

test("a leaf has no children", async () => {
  for (const leaf of [0, 6]) {
    await refuses("usage", () => treeMath.left(leaf));
    await refuses("usage", () => treeMath.right(leaf));
  }
});
