"""Checks of trees: their hashes, what proposals do to them, and paths of new keys."""

from collections.abc import Callable, Mapping
from typing import Any

from clawchat.mls import labels
from clawchat.mls.codec import Reader
from clawchat.mls.commit import UpdatePath
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import LeafNode, LeafNodeSource
from clawchat.mls.proposals import Add, Proposal, Remove, Update, read_proposal
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.suite import CipherSuite
from clawchat.mls.tree_hash import root_hash, tree_hash
from clawchat.mls.tree_kem import PrivateKeys, derive_keys, make_update_path, merge_path, open_path
from clawchat.mls.tree_math import common_ancestor
from clawchat.mls.tree_validation import verify_tree
from clawchat.mls.vector_suites import signer
from clawchat.mls.vectors.checking import Mismatch, counted, same, unhex

Case = dict[str, Any]


def check_tree_operations(case: Case, suite: CipherSuite) -> None:
    """One proposal, applied to a tree."""
    tree = _read_tree(suite, case["tree_before"], case["tree_hash_before"])
    reader = Reader(unhex(case["proposal"]))
    after = _apply(tree, read_proposal(reader), case["proposal_sender"])
    reader.end()
    same("tree_after", after.encode(), case["tree_after"])
    same("tree_hash_after", root_hash(after), case["tree_hash_after"])
    _read_tree(suite, case["tree_after"], case["tree_hash_after"])


def check_tree_validation(case: Case, suite: CipherSuite) -> None:
    """Resolution and hash of every node; parent hashes and signatures hold."""
    tree = _read_tree(suite, case["tree"], case["tree_hashes"][RatchetTree.parse(suite, unhex(case["tree"])).root])
    for index in range(len(tree.nodes)):
        same(f"resolution of {index}", list(tree.resolution(index)), case["resolutions"][index])
        same(f"tree hash of {index}", tree_hash(tree, index), case["tree_hashes"][index])
    verify_tree(tree, unhex(case["group_id"]))


def check_treekem(case: Case, suite: CipherSuite) -> None:
    """Every member reads every path, and every path of ours."""
    tree = RatchetTree.parse(suite, unhex(case["ratchet_tree"]))
    verify_tree(tree, unhex(case["group_id"]))
    members = {each["index"]: _keys(suite, each) for each in case["leaves_private"]}
    for index, keys in members.items():
        for node, secret in keys.items():
            same(f"key of {index} for {node}", suite.hpke.kem.public_key(secret), _public(tree, node))
    for vector in case["update_paths"]:
        _check_path(case, tree, members, vector)
    for each in case["leaves_private"]:
        _check_path_of_ours(case, tree, members, each)


def _check_path(case: Case, tree: RatchetTree, members: Mapping[int, PrivateKeys], vector: Case) -> None:
    sender, reader = vector["sender"], Reader(unhex(vector["update_path"]))
    path = UpdatePath.read(reader)
    reader.end()
    same("update_path", path.encode(), vector["update_path"])
    path.leaf_node.verify(tree.suite, unhex(case["group_id"]), sender)
    merged = merge_path(tree, sender, path, ())
    same("tree_hash_after", root_hash(merged), vector["tree_hash_after"])
    filtered = [index for index, _ in merged.filtered_direct_path(sender)]
    for receiver, keys in members.items():
        if receiver == sender:
            continue
        ours = open_path(merged, sender, path, receiver, keys, _context(case, merged), ())
        same("commit_secret", ours[1], vector["commit_secret"])
        meeting = common_ancestor(2 * sender, 2 * receiver)
        path_secret = unhex(vector["path_secrets"][receiver])
        learned, _ = derive_keys(merged, filtered[filtered.index(meeting) :], path_secret)
        same("keys of path_secret", {node: ours[0][node] for node in learned}, learned)


def _check_path_of_ours(case: Case, tree: RatchetTree, members: Mapping[int, PrivateKeys], sender: Case) -> None:
    suite, group_id, index = tree.suite, unhex(case["group_id"]), sender["index"]
    old = tree.member(index)

    def make_leaf(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        fields = (encryption_key, old.signature_key, old.credential, old.capabilities, LeafNodeSource.COMMIT)
        unsigned = LeafNode(*fields, None, parent_hash, old.extensions, b"")
        return unsigned.sign(suite, signer(suite, unhex(sender["signature_priv"])), group_id, index)

    made = make_update_path(tree, index, make_leaf, lambda changed: _context(case, changed), (), counted())
    merged = merge_path(tree, index, made.path, ())
    same("tree of ours", merged.encode(), made.tree.encode())
    verify_tree(merged, group_id)
    for receiver, keys in members.items():
        if receiver != index:
            _, commit_secret = open_path(merged, index, made.path, receiver, keys, _context(case, merged), ())
            same("commit secret of ours", commit_secret, made.commit_secret)


def _context(case: Case, tree: RatchetTree) -> bytes:
    hashes = root_hash(tree), unhex(case["confirmed_transcript_hash"])
    return GroupContext(tree.suite.number, unhex(case["group_id"]), case["epoch"], *hashes, ()).encode()


def _keys(suite: CipherSuite, leaf: Case) -> PrivateKeys:
    keys = {2 * leaf["index"]: unhex(leaf["encryption_priv"])}
    for each in leaf["path_secrets"]:
        node_secret = suite.derive_secret(unhex(each["path_secret"]), labels.NODE)
        keys[each["node"]] = suite.derive_key_pair(node_secret).secret
    return keys


def _public(tree: RatchetTree, index: int) -> bytes:
    node = tree.node(index)
    if node is None:
        raise Mismatch(f"node {index} is blank")
    return node.encryption_key


def _apply(tree: RatchetTree, proposal: Proposal, sender: int) -> RatchetTree:
    if isinstance(proposal, Add):
        return tree.add(proposal.key_package.leaf_node)[0]
    if isinstance(proposal, Update):
        return tree.update(sender, proposal.leaf_node)
    if isinstance(proposal, Remove):
        return tree.remove(proposal.removed)
    raise Mismatch("a proposal that does nothing to a tree")


def _read_tree(suite: CipherSuite, encoded: str, expected_hash: str) -> RatchetTree:
    tree = RatchetTree.parse(suite, unhex(encoded))
    same("tree", tree.encode(), encoded)
    same("tree hash", root_hash(tree), expected_hash)
    return tree


CHECKS: Mapping[str, Callable[[Case, CipherSuite], None]] = {
    "tree-operations": check_tree_operations,
    "tree-validation": check_tree_validation,
    "treekem": check_treekem,
}
