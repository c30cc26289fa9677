"""TreeKEM: a committer makes new keys from its leaf to the root, and everybody else learns those above themselves.

A member's private keys are a mapping from node index to KEM secret: its leaf, and the nodes above it that it knows.
RFC 9420 7.4, 7.5, 7.6
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from clawchat.mls import labels, tree_math
from clawchat.mls.commit import HPKECiphertext, UpdatePath, UpdatePathNode
from clawchat.mls.errors import Invalid
from clawchat.mls.nodes import LeafNode
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.suite import CipherSuite
from clawchat.mls.tree_hash import with_path

PrivateKeys: TypeAlias = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class MadePath:
    """A path of ours: what is sent, the tree with it, our keys in that tree, and the path secret of each node."""

    path: UpdatePath
    tree: RatchetTree
    keys: PrivateKeys
    path_secrets: Mapping[int, bytes]
    commit_secret: bytes

    def __repr__(self) -> str:
        return "MadePath(...)"


def make_update_path(
    tree: RatchetTree,
    leaf_index: int,
    make_leaf: Callable[[bytes, bytes], LeafNode],
    encode_context: Callable[[RatchetTree], bytes],
    added: Iterable[int],
    random: Callable[[int], bytes],
) -> MadePath:
    """Fresh keys on our filtered direct path.

    tree: with the commit's proposals applied; make_leaf: our signed leaf for an encryption key and a parent hash;
    encode_context: the provisional group context for a tree; added: leaf indices that get a Welcome instead.
    RFC 9420 7.5, 12.4.1
    """
    suite, filtered = tree.suite, tree.filtered_direct_path(leaf_index)
    leaf_pair = suite.derive_key_pair(random(suite.Nh))
    keys, secrets, public_keys = {2 * leaf_index: leaf_pair.secret}, {}, []
    secret = random(suite.Nh)
    for index, _ in filtered:
        pair = suite.derive_key_pair(suite.derive_secret(secret, labels.NODE))
        secrets[index], keys[index] = secret, pair.secret
        public_keys.append(pair.public)
        secret = suite.derive_secret(secret, labels.PATH)
    with_parents, parent_hash = with_path(tree, leaf_index, tuple(public_keys))
    leaf = make_leaf(leaf_pair.public, parent_hash)
    changed = with_parents.changed({2 * leaf_index: leaf})
    context = encode_context(changed)
    nodes = [
        UpdatePathNode(public, _encrypt_path_secret(tree, _receivers(tree, other, added), context, secrets[index]))
        for (index, other), public in zip(filtered, public_keys, strict=True)
    ]
    return MadePath(UpdatePath(leaf, tuple(nodes)), changed, keys, secrets, secret)


def merge_path(tree: RatchetTree, sender: int, path: UpdatePath, added: Iterable[int]) -> RatchetTree:
    """The tree with another member's path in it; the leaf's signature and its place in the group are checked elsewhere.

    tree: with the commit's proposals applied; sender: leaf index; added: leaf indices.
    Raises: invalid (path-length, parent-hash); malformed (a key).
    RFC 9420 7.5, 12.4.2
    """
    filtered = tree.filtered_direct_path(sender)
    expected = [len(_receivers(tree, other, added)) for _, other in filtered]
    if [len(node.encrypted_path_secret) for node in path.nodes] != expected:
        raise Invalid("path-length")
    for node in path.nodes:
        tree.suite.check_public_key(node.encryption_key)
    with_parents, parent_hash = with_path(tree, sender, tuple(node.encryption_key for node in path.nodes))
    if path.leaf_node.parent_hash != parent_hash:
        raise Invalid("parent-hash")
    return with_parents.changed({2 * sender: path.leaf_node})


def open_path(
    tree: RatchetTree,
    sender: int,
    path: UpdatePath,
    receiver: int,
    keys: PrivateKeys,
    context: bytes,
    added: Iterable[int],
) -> tuple[PrivateKeys, bytes]:
    """The receiver's keys after another member's path, and the commit secret.

    tree: with the path in it; context: the encoded provisional group context; added: leaf indices.
    Raises: invalid (path-key, path-secret); malformed; unauthentic.
    RFC 9420 7.6, 12.4.2
    """
    filtered = tree.filtered_direct_path(sender)
    meeting = tree_math.common_ancestor(2 * sender, 2 * receiver)
    at = [index for index, _ in filtered].index(meeting)
    receivers = _receivers(tree, filtered[at][1], added)
    for node, sealed in zip(receivers, path.nodes[at].encrypted_path_secret, strict=True):
        if node in keys:
            label = labels.UPDATE_PATH_NODE
            secret = tree.suite.decrypt_with_label(keys[node], label, context, sealed.kem_output, sealed.ciphertext)
            break
    else:
        raise Invalid("path-secret", "nothing in the path is encrypted to this member")
    learned, commit_secret = derive_keys(tree, [index for index, _ in filtered[at:]], secret)
    return {**keys_in(tree, keys, without=tree.direct_path(sender)), **learned}, commit_secret


def derive_keys(tree: RatchetTree, indices: Iterable[int], path_secret: bytes) -> tuple[dict[int, bytes], bytes]:
    """The secrets of these nodes, from the path secret of the first; and the path secret after the last.

    Raises: invalid (path-secret: its size; path-key: the tree has another public key).
    RFC 9420 7.4
    """
    suite = tree.suite
    if len(path_secret) != suite.Nh:
        raise Invalid("path-secret")
    keys = {}
    for index in indices:
        pair = suite.derive_key_pair(suite.derive_secret(path_secret, labels.NODE))
        parent = tree.parent(index)
        if parent is None or parent.encryption_key != pair.public:
            raise Invalid("path-key")
        keys[index] = pair.secret
        path_secret = suite.derive_secret(path_secret, labels.PATH)
    return keys, path_secret


def keys_in(tree: RatchetTree, keys: PrivateKeys, without: Iterable[int] = ()) -> PrivateKeys:
    """The keys of nodes that are still there."""
    gone = set(without)
    return {index: key for index, key in keys.items() if index not in gone and tree.has(index)}


def _receivers(tree: RatchetTree, index: int, added: Iterable[int]) -> tuple[int, ...]:
    new = {2 * leaf for leaf in added}
    return tuple(node for node in tree.resolution(index) if node not in new)


def _encrypt_path_secret(
    tree: RatchetTree, receivers: Iterable[int], context: bytes, secret: bytes
) -> tuple[HPKECiphertext, ...]:
    suite: CipherSuite = tree.suite
    nodes = (tree.node(index) for index in receivers)
    return tuple(
        HPKECiphertext(*suite.encrypt_with_label(node.encryption_key, labels.UPDATE_PATH_NODE, context, secret))
        for node in nodes
        if node is not None
    )
