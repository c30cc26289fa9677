"""Whether a tree may be a group's: leaves that fit the group, keys that are there once, parents that somebody made.

Everything here depends on the tree and the group context alone: no time (lifetimes are trust, protocol.md 4.10).
RFC 9420 7.3, 7.9.2, 12.4.3.1
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from clawchat.mls import tree_math
from clawchat.mls.codec import Reader
from clawchat.mls.errors import Invalid
from clawchat.mls.nodes import Extension, ExtensionType, LeafNode, LeafNodeSource, ParentNode, find_extension
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.tree_hash import parent_hash

# RFC 9420 7.2: every client knows the extension types up to here, and lists none of them.
_DEFAULT_EXTENSIONS = 5


@dataclass(frozen=True, slots=True)
class Needs:
    """What every member of a group must know: the numbers of its required_capabilities, and what is in use."""

    extensions: frozenset[int]
    proposals: frozenset[int]
    credentials: frozenset[int]

    @classmethod
    def of(cls, tree: RatchetTree, extensions: Sequence[Extension]) -> Self:
        """The needs of a group with these members and these extensions in its context.

        Raises: malformed (required_capabilities).
        RFC 9420 7.2, 7.3, 11.1
        """
        used = [extension.extension_type for extension in extensions]
        listed = find_extension(extensions, ExtensionType.REQUIRED_CAPABILITIES)
        required = _read_required(listed) if listed is not None else ((), (), ())
        in_use = {member.leaf.credential.credential_type for member in tree.leaves()}
        return cls(_own_kinds((*used, *required[0])), frozenset(required[1]), frozenset((*required[2], *in_use)))

    def check(self, leaf: LeafNode) -> None:
        """Nothing, when this leaf's client knows them all.

        Raises: invalid (capabilities).
        """
        can = leaf.capabilities
        known = (
            self.extensions.issubset(can.extensions),
            self.proposals.issubset(can.proposals),
            self.credentials.issubset(can.credentials),
        )
        if not all(known):
            raise Invalid("capabilities")


def check_members(tree: RatchetTree, extensions: Sequence[Extension]) -> None:
    """Nothing, when all members know what the group needs and no key is there twice.

    Raises: invalid (capabilities, encryption-key-twice, signature-key-twice); malformed (required_capabilities).
    RFC 9420 7.3
    """
    needs = Needs.of(tree, extensions)
    for member in tree.leaves():
        needs.check(member.leaf)
    check_keys_distinct(tree)


def check_keys_distinct(tree: RatchetTree) -> None:
    """Nothing, when no two nodes have one encryption key and no two leaves one signature key.

    Raises: invalid (encryption-key-twice, signature-key-twice).
    RFC 9420 7.3, 12.4.3.1
    """
    encryption_keys = [node.encryption_key for node in tree.nodes if node is not None]
    signature_keys = [member.leaf.signature_key for member in tree.leaves()]
    for keys, reason in ((encryption_keys, "encryption-key-twice"), (signature_keys, "signature-key-twice")):
        if len(set(keys)) != len(keys):
            raise Invalid(reason)


def check_leaf(tree: RatchetTree, leaf: LeafNode, source: LeafNodeSource) -> None:
    """Nothing, when a leaf that comes into the tree is sound in itself; its signature is checked elsewhere.

    Raises: invalid (leaf-source, capabilities); malformed (its key).
    RFC 9420 7.3
    """
    if leaf.leaf_node_source != source:
        raise Invalid("leaf-source")
    _check_own_extensions(leaf)
    tree.suite.check_public_key(leaf.encryption_key)


def verify_tree(tree: RatchetTree, group_id: bytes) -> None:
    """Nothing, when every node of a tree from outside is what its members once made.

    Raises: unauthentic (a leaf's signature); malformed (a key); invalid (capabilities, unmerged-leaves, parent-hash).
    RFC 9420 12.4.3.1
    """
    for member in tree.leaves():
        member.leaf.verify(tree.suite, group_id, member.index)
        _check_own_extensions(member.leaf)
    for node in tree.nodes:
        if node is not None:
            tree.suite.check_public_key(node.encryption_key)
    for index in range(1, len(tree.nodes), 2):
        parent = tree.parent(index)
        if parent is not None:
            _check_unmerged_leaves(tree, index, parent)
            _check_parent_hash(tree, index, parent)


def _check_unmerged_leaves(tree: RatchetTree, index: int, parent: ParentNode) -> None:
    if any(one >= other for one, other in pairwise(parent.unmerged_leaves)):
        raise Invalid("unmerged-leaves", "not in ascending order")
    for leaf in parent.unmerged_leaves:
        path = tree.direct_path(leaf) if tree.leaf(leaf) else ()
        if index not in path:
            raise Invalid("unmerged-leaves", "not a member below")
        between = (tree.parent(below) for below in path[: path.index(index)])
        if any(node and leaf not in node.unmerged_leaves for node in between):
            raise Invalid("unmerged-leaves", "a parent between does not name it")


def _check_parent_hash(tree: RatchetTree, index: int, parent: ParentNode) -> None:
    """RFC 9420 7.9.2: some node below, made together with this one, holds the hash of this one."""
    children = tree_math.left(index), tree_math.right(index)
    for child, other in (children, children[::-1]):
        unmerged = {2 * leaf for leaf in parent.unmerged_leaves}
        made_with = [below for below in tree.resolution(child) if below not in unmerged]
        # All of the resolution but one came later, or this child is not the one.
        if len(made_with) != 1:
            continue
        node = tree.node(made_with[0])
        if node is not None and node.parent_hash and node.parent_hash == parent_hash(tree, parent, other):
            return
    raise Invalid("parent-hash")


def _check_own_extensions(leaf: LeafNode) -> None:
    own = _own_kinds(extension.extension_type for extension in leaf.extensions)
    if (
        not own.issubset(leaf.capabilities.extensions)
        or leaf.credential.credential_type not in leaf.capabilities.credentials
    ):
        raise Invalid("capabilities")


def _own_kinds(types: Iterable[int]) -> frozenset[int]:
    return frozenset(kind for kind in types if kind > _DEFAULT_EXTENSIONS)


def _read_required(data: bytes) -> tuple[tuple[int, ...], ...]:
    reader = Reader(data)
    lists = tuple(reader.vector_of(Reader.u16) for _ in range(3))
    reader.end()
    return lists
