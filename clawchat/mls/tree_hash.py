"""What commits to a tree: the hash of every subtree, and the parent hashes that chain a path's keys together.

RFC 9420 7.8, 7.9
"""

from clawchat.mls import tree_math
from clawchat.mls.codec import optional, u8, u32, vector
from clawchat.mls.nodes import ParentNode
from clawchat.mls.ratchet_tree import RatchetTree

_LEAF, _PARENT = 1, 2
_NOBODY: frozenset[int] = frozenset()


def root_hash(tree: RatchetTree) -> bytes:
    """The tree hash of the whole tree, as the group context holds it."""
    return tree_hash(tree, tree.root)


def tree_hash(tree: RatchetTree, index: int, without: frozenset[int] = _NOBODY) -> bytes:
    """The tree hash of the subtree at a node, as if the leaves `without` (leaf indices) had never been added.

    RFC 9420 7.8
    """
    if without:
        without = frozenset(leaf for leaf in without if _below(leaf, index))
    if without:
        return _hash_node(tree, index, without)
    known = tree.hashes[index]
    if known is None:
        known = tree.hashes[index] = _hash_node(tree, index, _NOBODY)
    return known


def parent_hash(tree: RatchetTree, above: ParentNode, other_child: int) -> bytes:
    """What a node below a parent holds as its parent hash; the other child's subtree is that of the time the parent
    was made, without the leaves that came later.

    RFC 9420 7.9
    """
    sibling = tree_hash(tree, other_child, frozenset(above.unmerged_leaves))
    return tree.suite.hash(vector(above.encryption_key) + vector(above.parent_hash) + vector(sibling))


def with_path(tree: RatchetTree, leaf_index: int, keys: tuple[bytes, ...]) -> tuple[RatchetTree, bytes]:
    """The tree with these public keys on a leaf's filtered direct path and nothing else above it, and the parent hash
    that the leaf is to hold.

    RFC 9420 7.5, 7.9
    """
    changes: dict[int, ParentNode | None] = dict.fromkeys(tree.direct_path(leaf_index))
    above = b""
    for (index, other), key in reversed(list(zip(tree.filtered_direct_path(leaf_index), keys, strict=True))):
        node = ParentNode(key, above, ())
        changes[index] = node
        above = parent_hash(tree, node, other)
    return tree.changed(dict(changes)), above


def _hash_node(tree: RatchetTree, index: int, without: frozenset[int]) -> bytes:
    node = tree.node(index)
    if tree_math.is_leaf(index):
        leaf = None if node is None or without else node.encode()
        return tree.suite.hash(u8(_LEAF) + u32(index // 2) + optional(leaf))
    if isinstance(node, ParentNode) and without:
        unmerged = tuple(leaf for leaf in node.unmerged_leaves if leaf not in without)
        node = ParentNode(node.encryption_key, node.parent_hash, unmerged)
    children = (tree_hash(tree, child, without) for child in (tree_math.left(index), tree_math.right(index)))
    return tree.suite.hash(
        u8(_PARENT) + optional(node.encode() if node else None) + b"".join(vector(child) for child in children)
    )


def _below(leaf_index: int, index: int) -> bool:
    reach = (1 << tree_math.level(index)) - 1
    return index - reach <= 2 * leaf_index <= index + reach
