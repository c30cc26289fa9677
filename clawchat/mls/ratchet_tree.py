"""The ratchet tree: every member's leaf, the public keys above them, and how proposals and commits change them.

A tree is a value: every change gives a new one that shares its nodes, and the hashes of the subtrees that stayed.
RFC 9420 4.1, 7.7, 7.8
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from clawchat.mls import tree_math
from clawchat.mls.codec import Reader, vector_of
from clawchat.mls.errors import Invalid
from clawchat.mls.nodes import LeafNode, Node, ParentNode, encode_node, read_node
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed

# Places for leaves, blank ones included: more than any room needs, and few enough to hash in a moment.
MAX_LEAVES = 4096


@dataclass(frozen=True, slots=True)
class Leaf:
    """A member: its leaf index and its leaf."""

    index: int
    leaf: LeafNode


class RatchetTree:
    """Nodes by index, always those of a full binary tree; None is a blank node."""

    __slots__ = ("hashes", "nodes", "suite")

    def __init__(self, suite: CipherSuite, nodes: Iterable[Node | None], hashes: list[bytes | None] | None = None):
        self.suite = suite
        self.nodes = tuple(nodes)
        # What tree_hash.py has computed so far; a cache, so a tree stays a value.
        self.hashes: list[bytes | None] = hashes if hashes is not None else [None] * len(self.nodes)

    @classmethod
    def of_one(cls, suite: CipherSuite, leaf: LeafNode) -> Self:
        """The tree of a new group (RFC 9420 11)."""
        return cls(suite, (leaf,))

    @classmethod
    def read(cls, suite: CipherSuite, reader: Reader) -> Self:
        """The next tree in the form of the ratchet_tree extension.

        Raises: malformed (no node, too many, a last one that is no leaf, a parent in a leaf's place).
        RFC 9420 12.4.3.3
        """
        nodes: list[Node | None] = list(reader.vector_of(read_node))
        if len(nodes) > tree_math.node_width(MAX_LEAVES):
            raise Malformed(f"a ratchet tree of {len(nodes)} nodes")
        # A parent there has nobody below its right half: such a tree would be narrower when it is read again.
        if not nodes or not isinstance(nodes[-1], LeafNode):
            raise Malformed("a ratchet tree ends in a leaf")
        if any(node and isinstance(node, LeafNode) == bool(index & 1) for index, node in enumerate(nodes)):
            raise Malformed("leaves stand at even places, parents at odd ones")
        leaves = 1
        while tree_math.node_width(leaves) < len(nodes):
            leaves *= 2
        return cls(suite, nodes + [None] * (tree_math.node_width(leaves) - len(nodes)))

    @classmethod
    def parse(cls, suite: CipherSuite, data: bytes) -> Self:
        """The tree in these bytes and nothing else.

        Raises: malformed.
        """
        reader = Reader(data)
        tree = cls.read(suite, reader)
        reader.end()
        return tree

    def encode(self) -> bytes:
        """The form of the ratchet_tree extension: all nodes up to the last that is not blank."""
        nodes = list(self.nodes)
        while nodes[-1] is None:
            nodes.pop()
        return vector_of(encode_node(node) for node in nodes)

    @property
    def leaf_count(self) -> int:
        """How many places for leaves there are, blank ones included; a power of two."""
        return tree_math.leaf_count(len(self.nodes))

    @property
    def root(self) -> int:
        """The node index of the root."""
        return tree_math.root(self.leaf_count)

    def node(self, index: int) -> Node | None:
        """The node at a node index of this tree."""
        return self.nodes[index]

    def has(self, index: int) -> bool:
        """Whether there is a node at a node index, of this tree or not."""
        return index < len(self.nodes) and self.nodes[index] is not None

    def parent(self, index: int) -> ParentNode | None:
        """The parent node at an odd node index."""
        node = self.nodes[index]
        return node if isinstance(node, ParentNode) else None

    def leaf(self, index: int) -> LeafNode | None:
        """The leaf at a leaf index, of this tree or not."""
        node = self.nodes[2 * index] if index < self.leaf_count else None
        return node if isinstance(node, LeafNode) else None

    def member(self, index: int) -> LeafNode:
        """The leaf at a leaf index.

        Raises: invalid (leaf-blank: nobody is there).
        """
        leaf = self.leaf(index)
        if leaf is None:
            raise Invalid("leaf-blank", f"no member at leaf {index}")
        return leaf

    def leaves(self) -> tuple[Leaf, ...]:
        """All members from the left."""
        return tuple(Leaf(index, node) for index, node in enumerate(self.nodes[::2]) if isinstance(node, LeafNode))

    def direct_path(self, leaf_index: int) -> tuple[int, ...]:
        """The node indices above a leaf, from the bottom (RFC 9420 4.1.1)."""
        return tree_math.direct_path(2 * leaf_index, self.leaf_count)

    def resolution(self, index: int) -> tuple[int, ...]:
        """The node indices that together reach every member below a node (RFC 9420 4.1.1)."""
        node = self.nodes[index]
        if node is None:
            if tree_math.is_leaf(index):
                return ()
            return self.resolution(tree_math.left(index)) + self.resolution(tree_math.right(index))
        if isinstance(node, ParentNode):
            return (index, *(2 * leaf for leaf in node.unmerged_leaves))
        return (index,)

    def filtered_direct_path(self, leaf_index: int) -> tuple[tuple[int, int], ...]:
        """Each node above a leaf whose other child has somebody below it, with that child (RFC 9420 4.1.2)."""
        path = []
        below = 2 * leaf_index
        for above in self.direct_path(leaf_index):
            other = tree_math.sibling(below)
            if self.resolution(other):
                path.append((above, other))
            below = above
        return tuple(path)

    def with_place(self) -> tuple[Self, int]:
        """The tree with a blank place for a leaf, twice as wide if it must, and the leaf index of the leftmost one.

        Raises: invalid (tree-full).
        """
        index = next((at for at, node in enumerate(self.nodes[::2]) if node is None), self.leaf_count)
        if index == MAX_LEAVES:
            raise Invalid("tree-full")
        return (self if index < self.leaf_count else self._extended()), index

    def add(self, leaf: LeafNode) -> tuple[Self, int]:
        """The tree with a leaf more, in the leftmost blank place, and its leaf index (RFC 9420 7.7, 12.1.1)."""
        tree, index = self.with_place()
        changes: dict[int, Node | None] = {2 * index: leaf}
        for above in tree.direct_path(index):
            node = tree.parent(above)
            if node is not None:
                unmerged = tuple(sorted((*node.unmerged_leaves, index)))
                changes[above] = ParentNode(node.encryption_key, node.parent_hash, unmerged)
        return tree.changed(changes), index

    def update(self, leaf_index: int, leaf: LeafNode) -> Self:
        """The tree with another leaf in a member's place, and nothing above it (RFC 9420 12.1.2)."""
        return self.changed({**dict.fromkeys(self.direct_path(leaf_index)), 2 * leaf_index: leaf})

    def remove(self, leaf_index: int) -> Self:
        """The tree without a member and with nothing above it; right halves that are empty go (RFC 9420 12.1.3)."""
        tree = self.changed(dict.fromkeys((2 * leaf_index, *self.direct_path(leaf_index))))
        width = len(tree.nodes)
        while width > 1 and not any(tree.nodes[width // 2 + 1 : width]):
            width //= 2
        return self._with(tree.nodes[:width], tree.hashes[:width])

    def changed(self, changes: dict[int, Node | None]) -> Self:
        """The tree with these nodes in these places."""
        nodes, hashes = list(self.nodes), list(self.hashes)
        top = self.root
        for index, node in changes.items():
            nodes[index] = node
            hashes[index] = None
            above = index
            while above != top:
                above = tree_math.parent(above)
                hashes[above] = None
        return self._with(nodes, hashes)

    def _extended(self) -> Self:
        blank = len(self.nodes) + 1
        return self._with(self.nodes + (None,) * blank, self.hashes + [None] * blank)

    def _with(self, nodes: Iterable[Node | None], hashes: list[bytes | None]) -> Self:
        return type(self)(self.suite, nodes, hashes)
